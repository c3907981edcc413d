"""The columns of an asset for the UI, each with what it means."""

from collections.abc import Iterable

import dagster as dg
import pyarrow as pa

from unicorn_assets.stages import glossary
from unicorn_assets.stages.base import Stage

KEY = "dagster/column_schema"


def known(stage: Stage) -> dg.TableSchema:
    """The columns of a stage's rows, as they are known before anything is made."""
    return described(glossary.columns(stage))


def described(fields: Iterable[pa.Field]) -> dg.TableSchema:
    """Columns with what they mean; a column that the glossary lacks has no description."""
    fields = list(fields)
    one_row = all(field.name != "table" for field in fields)  # a decision is one of a table and an id
    return dg.TableSchema(
        [
            dg.TableColumn(
                field.name,
                type_name(field.type),
                description=glossary.MEANINGS.get(field.name),
                constraints=dg.TableColumnConstraints(nullable=False, unique=one_row) if field.name == "id" else None,
            )
            for field in fields
        ]
    )


def type_name(kind: pa.DataType) -> str:
    """A type as people write it; Parquet and Arrow name the members of a list differently."""
    if pa.types.is_list(kind):
        return f"list<{type_name(kind.value_type)}>"
    if pa.types.is_struct(kind):
        return f"{{{', '.join(f'{field.name}: {type_name(field.type)}' for field in kind)}}}"
    return {"halffloat": "float16", "float": "float32"}.get(str(kind), str(kind))
