# List the recipes.
default:
    @just --list

# Play a lesson, both terminals in one window.
demo lesson="1":
    cargo course demo {{lesson}}

# Run one lesson's tests: just test echo
test package:
    cargo test -p {{package}}

# Take a lesson's page from what its programs show: just rewrite echo
rewrite package:
    COURSE_REWRITE=1 cargo test -p {{package}} --test lesson the_page

# How many sentences of the exercises' contracts are guarded, and the smallest margins.
contracts:
    COURSE_TABLE=1 cargo test --test lesson is_proved -- --nocapture

# Hand every change that cargo-mutants knows of a lesson's solution to its checks: just mutants 3
mutants lesson:
    tests/mutants {{lesson}}

# Measure the programs beside peers in C and Python: just bench 7, or just bench --write
bench *args:
    cargo course bench {{args}}

# Set hostile peers on a lesson's programs, or on all: just fire 8
fire *args:
    cargo course fire {{args}}

# Keep the servers under fire for ten minutes: just soak 8 --minutes 1
soak *args:
    cargo course soak {{args}}

# Read the book in the browser; it follows each change of a page. The first time, this builds mdBook.
book:
    tests/book/build serve

# Fuzz what decodes a peer's bytes, until Ctrl-C (needs cargo-fuzz): just fuzz text
fuzz target:
    cargo fuzz run --sanitizer none {{target}}

# Check everything that must be green.
ready:
    .ci/run
