"""The only place that imports dagster's internals. They are pinned by `dagster<1.14` and covered by contract tests."""
