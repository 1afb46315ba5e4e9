"""Whether a cheap model's answer will do: signals, a trained classifier and its threshold.

`verdict` and what it stands on (signals, features, classifier, threshold) are pure and know no Django; `training` adds scikit-learn when
called; `labels` and `versions` read and write the tables. How it works and what was measured: docs/cascade.md.
"""
