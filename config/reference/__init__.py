"""The pages that show our OpenAPI documents to people: read from the document (`reading`), drawn on our side (`pages`), so that they look
and work as every other page does, also without scripts. What a document says is its views' business.
"""
