"""What caches decide, apart from where they keep things: what may be cached, what tells requests apart, how an answer is kept and given.

Pure: no I/O, no Django.
"""
