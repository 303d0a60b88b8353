"""What the event model says of each kind: who may, what it needs, what it does. The words above each kind's tables."""

from __future__ import annotations

from ledger.vocabulary import Kind

TEXTS: dict[Kind, tuple[str, str, str]] = {
    Kind.ARRIVE: (
        "a carrier; the operator of the facility", "new containers or cargo",
        "custodian = poster; facility; supervised at a supervised facility; elsewhere only an empty container, free"),
    Kind.OBSERVE: ("any participant", "nothing; the unit may be none", "evidence only"),
    Kind.OFFER: (
        "custodian", "no open offer", "opens an offer to one participant, until the event's deadline"),
    Kind.ACCEPT: (
        "offeree", "names the open OFFER (or TRANSFER), not expired; what is supervised goes into a supervised facility or "
        "into none; not more than was offered",
        "custody and facility move, contents with their container; what is free becomes supervised, not eligible, in a "
        "supervised facility; of a lot with one balance, what is missing becomes short. Answering a TRANSFER it makes the new "
        "lot in the other book"),
    Kind.REFUSE: ("offeree", "an open offer or transfer", "closes it"),
    Kind.CANCEL: ("offeror; poster of a pending event", "an open offer or transfer, or a pending event", "closes it"),
    Kind.STUFF: (
        "custodian of both", "cargo or lots, into an open container; nothing held or under offer; cargo of the same facility and "
        "status", "inside"),
    Kind.STRIP: (
        "custodian", "a container; things inside it, or none if it arrived full",
        "takes things out; or makes cargo out of it, with its facility, status and holds, and it is stripped"),
    Kind.HOLD: ("customs, agency", "a hold bit of its own", "sets its bit on a container, cargo, lot or line"),
    Kind.UNHOLD: ("customs, agency", "its own bit is set", "clears its bit"),
    Kind.ELIGIBLE: ("customs", "supervised, not held", "eligible"),
    Kind.REVOKE: ("customs", "supervised", "not eligible"),
    Kind.GATE_OUT: (
        "operator; custodian", "supervised, eligible, and every cargo inside eligible; nothing held or under offer",
        "free, with its contents; eligible is used up"),
    Kind.DECLARE: (
        "declarant while registered; customs at any time; a new line: any participant, which becomes its declarant",
        "never below what is drawn; a line of change of purpose cites its import line; not cancelled, not held",
        "creates or amends a line (a new version); or anchors a manifest, norm, contract or document; customs may name "
        "another declarant"),
    Kind.CLEAR: (
        "customs", "names the line's version; not held",
        "registered to cleared; registered, or cleared with nothing drawn, to cancelled"),
    Kind.OPENING: (
        "owner; approval by customs", "the book's opening is still open; new lots", "lots with raw, wip, finished or scrap"),
    Kind.RECEIVE_FACTORY: (
        "owner, who is declarant", "receive line cleared, enough left; the container or cargo it came in, where named (or the "
        "book says so), free and in the owner's custody", "new lot, imported, raw = q; line drawn += q"),
    Kind.RECEIVE_DOMESTIC: ("owner", "a document, in the payload", "new lot, domestic, raw = q"),
    Kind.SPLIT: (
        "lots: custodian or owner; cargo: custodian", "lots: nothing loaded, enough; not under offer",
        "new lots of the same material, book, origin, source and custodian, or new cargo; with every hold, not eligible"),
    Kind.MERGE: (
        "custodian or owner", "lots alike in material, book, origin, source and custodian; nothing loaded; not under offer",
        "everything into one lot, with every hold"),
    Kind.ISSUE_PROD: ("owner", "raw ≥ q", "raw to wip"),
    Kind.RETURN_PROD: ("owner", "wip ≥ q; also under hold", "wip to raw"),
    Kind.TRANSFORM: (
        "owner", "one book; inputs with wip ≥ q; new outputs; products of another material than every input",
        "inputs' wip −= q; products finished, semi-finished raw, scrap scrap, of own origin"),
    Kind.EXPORT_LOAD: (
        "owner or custodian", "finished ≥ q; export line of the owner cleared, enough left",
        "finished to loaded for that line; drawn += q"),
    Kind.REEXPORT: (
        "owner", "raw ≥ q; re-export line of the owner cleared, enough left", "raw to loaded for that line; drawn += q"),
    Kind.UNLOAD: (
        "owner, customs", "loaded for that line ≥ q; also under hold", "back where it came from; drawn −= q"),
    Kind.EXIT_CONFIRM: (
        "customs; the operator of the supervised facility where the lot's container stands", "loaded for that line ≥ q",
        "loaded −= q; line exited += q"),
    Kind.FG_RETURN: (
        "owner, who is declarant", "export line: exited − returned ≥ q", "new lot citing the line, finished = q; returned += q"),
    Kind.REPURPOSE: (
        "owner", "imported raw, or finished ≥ q; a change-of-purpose line that cites the lot's import line, cleared, enough "
        "left; domestic raw needs no line", "balance −= q; line drawn += q"),
    Kind.SELL_INLAND: ("owner", "as REPURPOSE", "balance −= q; line drawn += q"),
    Kind.SCRAP_OUT: ("owner", "scrap ≥ q; a change-of-purpose line where the book says so", "scrap −= q"),
    Kind.DESTROY: (
        "owner; approval where the book says so", "raw, wip, finished or scrap ≥ q", "balance −= q"),
    Kind.TRANSFER: (
        "owner; then ACCEPT by the owner of the other book", "raw ≥ q; transfer-out and transfer-in lines cleared",
        "opens an offer; on ACCEPT: raw −= q, a new lot of the same origin and source in the other book; both lines drawn, the "
        "out line exited, by q"),
    Kind.COUNT: ("owner, customs", "a book", "states a stock; changes nothing"),
    Kind.ADJUST: (
        "owner; approval by customs", "names a COUNT or a corrected event; one executed per COUNT, unit and balance",
        "balance ± q; or short back to its balance, or written off"),
    Kind.REASSIGN: (
        "customs; approval by a second signer of customs", "names the corrected event; not a thing inside; never free under hold",
        "custodian, facility or status set, contents with their container"),
    Kind.APPROVE: ("customs, not of an event of its own", "a pending event, for which every check is run again", "executes it; or, if a "
                   "check fails, it is refused with that code and the pending event ends"),
    Kind.DENY: ("customs", "a pending event", "ends it"),
    Kind.CORRECT: ("original poster, customs", "the event, shown with its signature", "evidence: voids it for index and tracer"),
    Kind.CLOSE: (
        "operator, custodian", "not held or under offer; nothing inside but empty lots; free, stripped, or all its lots exited",
        "closed; empty lots are taken out"),
}
