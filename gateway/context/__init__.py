"""What of a conversation goes to the model: the parts of `gateway.pipeline.context_optimizer`, one concept a module.

They know both wire formats and read no store; only `vectors` and `background` hold anything. The order in which they are used is the
pipeline step's.
"""
