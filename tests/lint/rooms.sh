#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The order of rooms: a file includes only from its own room and from rooms to the left. And which
# room may name which library.
. "$(dirname "$0")/lib.sh"
cd "$root"

list_c '^(core|daemon|client-lib)/' | awk '
function fail(sentence) { print file ":" line_number ": " sentence }

# Is `room` one of the words of `list`?
function is_in(room, list) { return index(" " list " ", " " room " ") > 0 }

# What a file may include with quotes: rooms, in one string.
function allowed(file,    part, room, i, list) {
    split(file, part, "/")
    room = part[2]
    if (file ~ /^daemon\/main\.c$/) { return order }
    if (file ~ /^daemon\/ctl\//) { return "base keyring wire ops host config ctl src" }
    if (file ~ /^client-lib\/src\//) { return "base keyring wire src" }
    if (part[1] == "client-lib") { return "" }
    list = ""
    for (i = 1; i <= rooms; i++) {
        list = list " " room_at[i]
        if (room_at[i] == room) { return list }
    }
    return "?"
}

BEGIN {
    order = "base keyring wire ops host store replica rotate serve config app"
    rooms = split(order, room_at, " ")
    # Library header -> where it may be named.
    library["event2/"] = "^daemon/(host|ops/ops_http|store/redis|serve|app|main)"
    library["nghttp2/"] = "^core/wire/h2_"
    library["protobuf-c/"] = "^core/wire/"
    library["yaml.h"] = "^daemon/config/"
    library["openssl/"] = "^(core/(base|keyring)/|core/wire/(tls|cert)_|client-lib/|daemon/(host|store|serve|app|ctl)/)"
    library["openssl/ssl.h"] = "^(core/wire/tls_|client-lib/|daemon/(serve|app)/|daemon/store/redis)"
    library["hiredis/"] = "^daemon/store/"
    library["stek/"] = "^client-lib/"
}
{
    file = $0
    rights = allowed(file)
    line_number = 0
    if (rights == "?") {
        fail("this folder is not a room; the rooms are: " order)
    }
    while ((getline line < file) > 0) {
        line_number++
        if (line !~ /^[ \t]*#[ \t]*include/) { continue }
        if (match(line, /"[^"]*"/)) {
            name = substr(line, RSTART + 1, RLENGTH - 2)
            want = name
            sub(/\/.*/, "", want)
            if (name ~ /\.pb-c\.h$/) {
                if (file !~ /^core\/wire\//) { fail("generated code is used in core/wire only") }
            } else if (file ~ /^client-lib\/examples\// && name !~ /\//) {
                continue # a neighbour: an example may have several files
            } else if (name ~ /^\.\.?\// || name !~ /\//) {
                fail("\"" name "\": write the room too: \"room/file.h\"")
            } else if (!is_in(want, rights)) {
                fail("may not include \"" name "\"; allowed here:" (rights == "" ? " nothing in quotes" : " " rights))
            } else if (file ~ /^daemon\/ctl\// && want == "src" && name != "src/unary.h") {
                fail("of libstek\047s inside, ctl uses src/unary.h only")
            }
        } else if (match(line, /<[^>]*>/)) {
            name = substr(line, RSTART + 1, RLENGTH - 2)
            for (lib in library) {
                if (index(name, lib) == 1 && file !~ library[lib]) {
                    fail("<" name "> may not be named here, only in " library[lib])
                }
            }
            if (file ~ /^client-lib\/examples\// && name ~ /^(base|keyring|wire|src)\//) {
                fail("examples use the public headers only")
            }
        }
    }
    close(file)
}' | report
