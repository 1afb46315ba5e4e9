"""Signing in: what django-allauth leaves to the project. The pages stand at /account/; settings are in `config.sign_in`."""
