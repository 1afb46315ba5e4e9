"""Whether a cheap model's answer will do: signals, a trained classifier and its threshold.

Scoring (`signals`, `arithmetic`, `quantities`, `derivation`, `features`, `classifier`, `threshold`) is pure and knows no Django; `training`
adds scikit-learn when called; `labels` and `versions` read and write the tables. How it works and what it was measured at: docs/cascade.md.
"""
