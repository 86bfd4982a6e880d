"""A graph of functions: inside a workflow a call of a @node makes a node instead of running the function.

The same workflow is run here and now by `run()`, and node by node, each in a process of its own, by run_node.py.
"""

import functools
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Node:
    """A call to be made; arguments that are nodes stand for what they return."""

    name: str
    function: object
    arguments: dict

    def inputs(self):
        """The nodes it takes its arguments from, by argument."""
        return {argument: value for argument, value in self.arguments.items() if isinstance(value, Node)}

    def call(self, values):
        """Calls the function. `values` has what other nodes have returned, by argument."""
        return self.function(**{**self.arguments, **values})


@dataclass
class Graph:
    nodes: dict = field(default_factory=dict)

    def add(self, function, arguments):
        count = sum(node.function is function for node in self.nodes.values())
        name = function.__name__ + (f"_{count + 1}" if count else "")
        self.nodes[name] = Node(name, function, arguments)
        return self.nodes[name]


_current = []


def node(function):
    @functools.wraps(function)
    def call(**arguments):
        return _current[-1].add(function, arguments) if _current else function(**arguments)

    return call


def build(workflow):
    """The graph of a workflow, in the order of its calls: a node comes after those it takes from."""
    _current.append(Graph())
    try:
        workflow()
        return _current[-1]
    finally:
        _current.pop()


def run(graph):
    """Runs all of it in this process. Returns what each node has returned, by name."""
    results = {}
    for each in graph.nodes.values():
        results[each.name] = each.call({argument: results[source.name] for argument, source in each.inputs().items()})
    return results
