"""What test runners write, one module a family; `pipelinedoctor.fetch.junit` chooses by the root element."""
