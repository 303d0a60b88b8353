"""api.web"""
