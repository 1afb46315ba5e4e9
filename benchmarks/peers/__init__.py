"""Tollgate beside its peers, in one run."""
