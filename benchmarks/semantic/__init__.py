"""`make bench-semantic`: what a search of the semantic cache costs when one tenant has very many entries among very many."""
