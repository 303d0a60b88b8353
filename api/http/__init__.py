"""api.http"""
