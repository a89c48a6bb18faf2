"""What the API answers: the models that the use cases build and `triggers.contract` describes."""
