"""Where the nodes of a graph stand: ranks and their order, with few crossings."""

from __future__ import annotations

from collections.abc import Sequence

import networkx as nx

Link = tuple[str, str]


def ranked(nodes: Sequence[str], links: Sequence[Link], *, directed: bool) -> list[list[str]]:
    """Ranks of names; in one that is not a node's name, an edge passes (``"~n~rank"``)."""
    rank = _ranks(nodes, links, directed=directed)
    rows: list[list[str]] = [[] for _ in range(max(rank.values()) + 1)]
    for node in nodes:
        rows[rank[node]].append(node)
    chains: list[Link] = []
    for number, (source, target) in enumerate(links):
        low, high = sorted((rank[source], rank[target]))
        if low == high:
            continue
        ends = (source, target) if rank[source] == low else (target, source)
        before = ends[0]
        for level in range(low + 1, high):
            name = passing(number, level)
            rows[level].append(name)
            chains.append((before, name))
            before = name
        chains.append((before, ends[1]))
    return _uncrossed(rows, chains)


def passing(link: int, level: int) -> str:
    """The name of the place where an edge crosses a rank."""
    return f"~{link}~{level}"


def _ranks(nodes: Sequence[str], links: Sequence[Link], *, directed: bool) -> dict[str, int]:
    graph = nx.DiGraph() if directed else nx.Graph()
    graph.add_nodes_from(nodes)
    graph.add_edges_from((a, b) for a, b in links if a != b)
    if not directed:
        return _breadth(graph, nodes)
    # What leads back in a walk from the first nodes is left out, so that the rest has an order.
    order = {node: n for n, node in enumerate(nodes)}
    while True:
        try:
            cycle = nx.find_cycle(graph)
        except nx.NetworkXNoCycle:
            break
        backward = [edge for edge in cycle if order[edge[0]] >= order[edge[1]]]
        graph.remove_edge(*(backward or cycle)[0][:2])
    rank = dict.fromkeys(nodes, 0)
    for level, generation in enumerate(nx.topological_generations(graph)):
        for node in generation:
            rank[node] = level
    return rank


def _breadth(graph: nx.Graph, nodes: Sequence[str]) -> dict[str, int]:
    rank: dict[str, int] = {}
    for node in nodes:
        if node not in rank:
            rank.update(nx.single_source_shortest_path_length(graph, node))
    return rank


def _uncrossed(rows: list[list[str]], chains: Sequence[Link]) -> list[list[str]]:
    """Sweeps by the mean place of neighbours; the order with the fewest crossings is kept."""
    near: dict[str, list[str]] = {}
    for a, b in chains:
        near.setdefault(a, []).append(b)
        near.setdefault(b, []).append(a)
    best, least = [list(row) for row in rows], crossings(rows, chains)
    current = [list(row) for row in rows]
    for sweep in range(12):
        if not least:
            break
        levels = range(1, len(rows)) if sweep % 2 == 0 else range(len(rows) - 2, -1, -1)
        for level in levels:
            beside = current[level - 1 if sweep % 2 == 0 else level + 1]
            places = {name: n for n, name in enumerate(beside)}
            here = {name: n for n, name in enumerate(current[level])}

            def mean(
                name: str, places: dict[str, int] = places, here: dict[str, int] = here
            ) -> float:
                found = [places[one] for one in near.get(name, ()) if one in places]
                return sum(found) / len(found) if found else float(here[name])

            current[level].sort(key=mean)
        count = crossings(current, chains)
        if count < least:
            best, least = [list(row) for row in current], count
    return best


def crossings(rows: Sequence[Sequence[str]], chains: Sequence[Link]) -> int:
    """How many pairs of edges between neighbouring ranks cross."""
    level = {name: n for n, row in enumerate(rows) for name in row}
    place = {name: n for row in rows for n, name in enumerate(row)}
    count = 0
    spans = [
        (
            min(level[a], level[b]),
            *((place[a], place[b]) if level[a] < level[b] else (place[b], place[a])),
        )
        for a, b in chains
    ]
    for n, (rank, a, b) in enumerate(spans):
        for other, c, d in spans[n + 1 :]:
            count += rank == other and (a - c) * (b - d) < 0
    return count
