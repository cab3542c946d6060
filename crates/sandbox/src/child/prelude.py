# What the supervisor's code finds in scope. Names that start with `_minions` are the host's own.
import collections
import datetime
import functools
import itertools
import json
import math
import math as _minions_math
import typing
from collections import Counter, defaultdict, deque, namedtuple
from dataclasses import dataclass
from typing import Any, Callable, Dict, Iterable, List, Literal, Mapping, Optional, Sequence, Set, Tuple, Type, Union


@dataclass
class JobManifest:
    chunk: str
    task: str
    advice: str = ''
    chunk_id: Optional[int] = None
    task_id: Optional[int] = None
    job_id: Optional[int] = None


@dataclass
class JobOutput:
    explanation: str = ''
    citation: Optional[str] = None
    answer: Optional[str] = None


@dataclass
class Job:
    manifest: JobManifest
    output: JobOutput
    sample: str = ''
    include: Optional[bool] = None
    agreed: int = 1
    samples: int = 1


_minions_classes = (JobManifest, JobOutput, Job)


def _minions_manifests(rows):
    make = _minions_classes[0]
    return [make(*row) for row in rows]


def _minions_outputs(rows):
    make = _minions_classes[1]
    return [make(*row) for row in rows]


def _minions_jobs(rows):
    make = _minions_classes[2]
    jobs = []
    for m, o, sample, include, agreed, samples in rows:
        jobs.append(make(_minions_manifests([m])[0], _minions_outputs([o])[0], sample, include, agreed, samples))
    return jobs


def _minions_collect(made):
    kind = type(made).__name__
    if isinstance(made, (str, bytes, dict)):
        _minions_reject('prepare_jobs must return a list of JobManifest, not ' + kind)
    try:
        items = iter(made)
    except TypeError:
        _minions_reject('prepare_jobs must return a list of JobManifest, not ' + kind)
    if isinstance(made, (list, tuple)):
        _minions_count(len(made))
    for item in items:
        if isinstance(item, dict):
            _minions_emit('dict', item.get('chunk', ...), item.get('task', ...), item.get('advice'))
        else:
            chunk = getattr(item, 'chunk', ...)
            task = getattr(item, 'task', ...)
            _minions_emit(type(item).__name__, chunk, task, getattr(item, 'advice', None))


def _minions_copy(items):
    return list(items)


context = _minions_copy(_minions_documents)


def _minions_finish(text, jobs):
    if not isinstance(text, str):
        _minions_reject('transform_outputs must return a str, not ' + type(text).__name__)
    include = []
    for job in jobs:
        flag = getattr(job, 'include', None)
        include.append(None if flag is None else bool(flag))
    _minions_text(text, include)
