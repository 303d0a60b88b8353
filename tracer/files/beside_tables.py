"""The tables that may stand beside a book, of files or of the ledger: one for each record of `tracer.beside`.

A column is a field of the record of the same name, but for what `beside` joins: `declaration` and `line` are
its line, `unit` and `lot` are names.
"""

from __future__ import annotations

from tracer.files.columns import VALID_FROM, VALID_TO, Column, Table

_DECLARATION = Column("declaration", "name", "declaration number", required=True)
_LINE = Column("line", "name", "its line number", required=True)
_UOM = Column("uom", "uom", "its unit of measure")

DOCUMENTS = Table(
    "documents",
    "A paper or picture, and what it was given for: a declaration line or a movement.",
    (
        Column("number", "name", "number of the paper", required=True),
        Column("type", "name", "invoice, bill, packing-list, certificate, photo ..."),
        Column("sha256", "name", "SHA-256 of its file, 64 hexadecimal digits"),
        Column("picture", "name", "perceptual hash of an image, 16 hexadecimal digits"),
        Column("date", "moment", "date on the paper"),
        Column("declaration", "name", "declaration it was given for"),
        Column("line", "name", "its line number; empty: 1"),
        Column("event", "name", "`id` of the movement it was given for"),
    ),
    ("X7",),
    "Papers used twice cannot be found.",
)
ON_SPOT = Table(
    "on_spot",
    "The buyer's import line that answers an on-spot export line (#&XKTC).",
    (
        _DECLARATION,
        _LINE,
        Column("import_declaration", "name", "the buyer's import declaration (#&NKTC)", required=True),
        Column("import_line", "name", "its line number; empty: 1"),
        Column("registered", "moment", "when it was registered"),
        Column("cleared", "moment", "when customs cleared it; empty: not cleared"),
        Column("notified", "moment", "when customs was told of the pair (form 22)"),
        Column("delivered", "moment", "when the goods were handed over; empty: never"),
        Column("hs", "tariff", "tariff code on the import"),
        Column("quantity", "amount", "quantity on the import"),
        _UOM,
        Column("importer", "text", "who imports"),
        Column("related", "choice", "whether buyer and seller are related", choices=("", "yes", "no")),
    ),
    ("X8",),
    "On-spot exports cannot be matched with their imports.",
)
REMEDIES = Table(
    "remedies",
    "A trade-remedy duty of a market on goods of an origin.",
    (
        Column("origin", "country", "country of origin", required=True),
        Column("market", "country", "country that levies it", required=True),
        Column("hs", "tariff", "tariff code, or its first digits", required=True),
        VALID_FROM,
        VALID_TO,
        Column("source", "text", "notice that says so"),
    ),
    ("O6",),
    "Goods sent round a trade remedy cannot be found.",
)
SIGNERS = Table(
    "signers",
    "A key or user that may act for somebody.",
    (
        Column("signer", "name", "as movements name it", required=True),
        Column("actor", "name", "for whom", required=True),
        Column("roles", "text", "kinds of movement that it may enter, separated by spaces; empty: all"),
        Column("place", "name", "the one place at which it may act; empty: anywhere"),
        VALID_FROM,
        VALID_TO,
        Column("revoked", "moment", "when it was revoked"),
    ),
    ("C7",),
    "Whether who signed had the right to cannot be judged.",
)
DEVICES = Table(
    "devices",
    "A measuring device.",
    (
        Column("device", "name", "as movements name it", required=True),
        Column("owner", "name", "whose it is"),
        Column("place", "name", "where it stands; empty: it is carried about"),
        Column("calibrated_to", "moment", "last day of its calibration"),
        Column("revoked", "moment", "when it was taken out of use"),
    ),
    ("C7",),
    "Calibration cannot be judged.",
)
MANIFEST = Table(
    "manifest",
    "A container or cargo on the manifest of a voyage.",
    (
        Column("unit", "name", "`consignment/number`, as movements name it", required=True),
        Column("voyage", "name", "vessel and voyage"),
        Column("due", "moment", "when it was to be landed"),
        Column("quantity", "quantity", "packages or weight on the manifest"),
        Column("landed", "quantity", "as much as was discharged"),
        _UOM,
    ),
    ("C8",),
    "What was landed cannot be held against the manifest, unless an event states it.",
)
SEAL_RANGES = Table(
    "seal_ranges",
    "Seal numbers that an issuer was given.",
    (
        Column("issuer", "name", "who issues them", required=True),
        Column("first", "name", "first number", required=True),
        Column("last", "name", "last number, of the same form", required=True),
        Column("source", "choice", "whose seals", choices=("", "customs", "carrier", "other")),
        VALID_FROM,
        VALID_TO,
    ),
    ("S4",),
    "Seal numbers that nobody issued cannot be told.",
)
SEAL_READINGS = Table(
    "seal_readings",
    "What an electronic seal reported by itself.",
    (
        Column("seal", "name", "its number", required=True),
        Column("at", "moment", "when", required=True),
        Column(
            "status", "choice", "what it says", choices=("", "closed", "opened", "tampered", "battery")),
        Column("place", "name", "where, if at a place of this book"),
        Column("latitude", "decimal", "in degrees, north above zero: -90 to 90"),
        Column("longitude", "decimal", "in degrees, east above zero: -180 to 180"),
    ),
    ("S5",),
    "Electronic seals cannot be judged, unless events carry their reports.",
)
DENSITIES = Table(
    "densities",
    "What a litre of a liquid weighs.",
    (
        Column("code", "name", "material or product code", required=True),
        Column("low", "amount", "least, in kilograms", required=True),
        Column("high", "amount", "greatest, in kilograms", required=True),
        Column("from_temperature", "decimal", "from so many degrees Celsius; empty: any"),
        Column("to_temperature", "decimal", "to so many degrees Celsius; empty: any"),
        Column("source", "text", "document that says so"),
    ),
    ("W5",),
    "Mass and volume of liquids cannot be compared.",
)
RELIEFS = Table(
    "reliefs",
    "A relief that was asked for.",
    (
        Column("claim", "name", "number of the claim", required=True),
        Column(
            "kind", "choice", "which relief", required=True,
            choices=("refund", "drawback", "exemption", "credit")),
        Column("declaration", "name", "import declaration"),
        Column("line", "name", "its line number; empty: 1"),
        Column("lot", "name", "lot number, where the claim is for a lot"),
        Column("quantity", "quantity", "for how much; empty: all of it"),
        _UOM,
        Column("at", "moment", "when it was asked for"),
    ),
    ("L4",),
    "Reliefs asked for twice cannot be found.",
)
SERIALS = Table(
    "serials",
    "The number of one piece of a lot.",
    (
        Column("lot", "name", "lot number", required=True),
        Column("code", "name", "its code, where one lot number is used for several"),
        Column("serial", "name", "number of the piece", required=True),
    ),
    ("L9",),
    "Pieces cannot be counted by their numbers.",
)
CONTRACTS = Table(
    "contracts",
    "A processing contract.",
    (
        Column("contract", "name", "its number, as declarations name it", required=True),
        Column("ends", "moment", "its last day", required=True),
        Column("partner", "text", "with whom"),
        Column("settled", "moment", "when its rest was settled with customs"),
    ),
    ("D6",),
    "What is left when a contract ends cannot be judged.",
)
NOTICES = Table(
    "notices",
    "A notice to customs that work is given to a sub-contractor.",
    (
        Column("partner", "name", "the sub-contractor, as movements name it", required=True),
        Column("notified", "moment", "when customs was told", required=True),
        Column("contract", "name", "number of the contract"),
        Column("owned", "percent", "share of it that the enterprise owns"),
    ),
    ("P7",),
    "Whether customs knew of work given out cannot be judged.",
)
SCRAP_BOOK = Table(
    "scrap_book",
    "The enterprise's own book of scrap of the period.",
    (
        Column("code", "name", "code of the scrap", required=True),
        Column("uom", "uom", "unit of measure of the row", required=True),
        Column("opening", "quantity", "in stock at the beginning", required=True),
        Column("generated", "quantity", "came of production", required=True),
        Column("sold", "quantity", "was sold", required=True),
        Column("destroyed", "quantity", "was destroyed", required=True),
        Column("recycled", "quantity", "went back into production", required=True),
        Column("closing", "quantity", "in stock at the end", required=True),
    ),
    ("D2",),
    "The book of scrap cannot be held against the movements.",
)
BESIDE = (
    DOCUMENTS,
    ON_SPOT,
    REMEDIES,
    SIGNERS,
    DEVICES,
    MANIFEST,
    SEAL_RANGES,
    SEAL_READINGS,
    DENSITIES,
    RELIEFS,
    SERIALS,
    CONTRACTS,
    NOTICES,
    SCRAP_BOOK,
)
