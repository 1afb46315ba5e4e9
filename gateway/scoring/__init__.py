"""Arithmetic of trained models that are kept as plain numbers: trees, log-odds, bounds on shares. Shared by whatever scores (the cascade's
judge, the semantic cache's verifier). The standard library alone.
"""
