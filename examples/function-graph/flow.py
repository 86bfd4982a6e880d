"""Which words of a text are the most frequent: what it passes on are objects of Python, which JSON does not have."""

from collections import Counter

from graph import build, node, run

TEXT = """She sells sea shells by the sea shore.
The shells she sells are surely sea shells.
So if she sells shells on the sea shore,
I am sure she sells sea shore shells."""


@node
def read():
    return TEXT.encode("utf-16")


@node
def count(text, half):
    lines = text.decode("utf-16").lower().splitlines()
    chosen = lines[: len(lines) // 2] if half == 0 else lines[len(lines) // 2 :]
    return Counter(word.strip(".,") for line in chosen for word in line.split())


@node
def add(first, second):
    return first + second


@node
def most_frequent(counts, number):
    for word, times in counts.most_common(number):
        print(f"{word}: {times}")
    return counts.most_common(number)


def workflow():
    text = read()
    counts = add(first=count(text=text, half=0), second=count(text=text, half=1))
    most_frequent(counts=counts, number=3)


if __name__ == "__main__":
    run(build(workflow))
