"""The provider simulator: an HTTP server that speaks OpenAI's and Anthropic's formats, deterministically, with faults on demand.

It decides what a model would answer and how badly the wire behaves. It knows nothing of Tollgate and imports no Django.
`simulator/README.md` documents the model-name grammar and the control endpoints.
"""
