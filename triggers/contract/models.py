"""Models: capabilities, prices and lifecycle."""

from shared.answers.models import Model, ModelList
from triggers.contract.operation import Answer, Operation, Parameter

OPERATIONS = (
    Operation(
        method="get",
        path="/models",
        id="listModels",
        tag="Models",
        summary="What can be asked for: capabilities, prices, limits, lifecycle.",
        answers={200: Answer(text="All of them.", model=ModelList)},
    ),
    Operation(
        method="get",
        path="/models/{model}",
        id="getModel",
        tag="Models",
        summary="One model.",
        parameters=(
            Parameter(
                name="model",
                where="path",
                text="The model's id.",
                schema={"type": "string", "minLength": 1},
                example="sora-2",
            ),
        ),
        answers={200: Answer(text="The model.", model=Model)},
        errors={404: "It is not offered here."},
    ),
)
