"""The provider's own cache of what prompts begin with: where marks for it pay, and what they are. Pure, of one process, without Django.

`reading` finds the prefixes of a request, `memory` learns how they come back, `rule` decides by expected cost, `decision` joins the three
for a plan's models. What marks look like on the wire is `gateway.providers.cache_marks`.
"""
