"""A folder of files as a source: one file per conformed entity, or mapped to it.

Belongs here: the declaration. The parts: `options` what may be configured, `folder` what is there,
`plan` which column becomes which, `streams` and `pull` how it is landed, `offers` and `expand` what
it gives to the conformed entities, `check` what is wrong with it.
"""

from __future__ import annotations

from revops_pipelines.engine.declarations import Source
from revops_pipelines.resources.sources.files.check import check
from revops_pipelines.resources.sources.files.folder import connect
from revops_pipelines.resources.sources.files.offers import offers
from revops_pipelines.resources.sources.files.options import FilesOptions
from revops_pipelines.resources.sources.files.streams import streams

SOURCE = Source(
    name="files",
    title="Files",
    area="files",
    secrets={},
    options=FilesOptions,
    connect=connect,
    check=check,
    streams=streams,
    offers=offers,
)
