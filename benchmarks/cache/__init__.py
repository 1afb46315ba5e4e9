"""How often the semantic cache would be wrong: its decision on labelled pairs and on a labelled stream, and the verifier's training."""
