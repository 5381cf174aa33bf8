"""`python -m pipelinedoctor` is the command `pipelinedoctor`."""

from pipelinedoctor.cli import main

main()
