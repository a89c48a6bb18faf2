"""The API's answers: models that the use cases build and `triggers.contract` describes."""
