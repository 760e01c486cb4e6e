"""From a finished notebook to a submission: word counts, pre-flight, packing, the report."""
