"""api.cli"""
