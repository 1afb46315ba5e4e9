"""Prompts and answers that a tenant has stored: taken out of the stream, made fit to be kept, read again, forgotten. Workers and pages use
it; no request waits for any of it.
"""
