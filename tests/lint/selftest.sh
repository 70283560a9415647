#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Every lint can fail, and does for its reason: each is shown a small sound tree, then the same tree
# with one offence in it.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
failures=0
checks=0

spdx='/* SPDX-License-Identifier: Apache-2.0 */'

# A tree in which no lint finds anything.
make_tree() {
    rm -rf "${folder:?}/tree"
    mkdir -p "$folder/tree"/{core/base,core/wire,daemon/serve,daemon/ctl,client-lib/src,client-lib/include/stek,client-lib/examples,deploy}
    cd "$folder/tree"
    cp "$top/.clang-format" "$top/.clang-tidy" .
    printf '%s\n/* One. */\n#ifndef STEK_BASE_ONE_H\n#define STEK_BASE_ONE_H\n\nint one_get(void);\n\n#endif\n' "$spdx" >core/base/one.h
    printf '%s\n#include "base/one.h"\n\nstatic const int values[] = {1, 2}; /* not strcpy() */\n\nint one_get(void)\n{\n    return values[0];\n}\n' "$spdx" >core/base/one.c
    printf '%s\n#include "base/one.h"\n\nint two_get(const char *text);\nint two_get(const char *text)\n{\n    return text == "sprintf(x)" ? one_get() : 2;\n}\n' "$spdx" >daemon/serve/two.c
    printf '%s\n/* Public. */\n#ifndef STEK_PUBLIC_H\n#define STEK_PUBLIC_H\n\n#define STEK_API\n\n/* Says two. */\nSTEK_API int stek_two(void);\n\n#endif\n' "$spdx" >client-lib/include/stek/public.h
    printf '%s\n#include <stek/public.h>\n\nint stek_two(void)\n{\n    return 2;\n}\n' "$spdx" >client-lib/src/public.c
    printf '# SPDX-License-Identifier: Apache-2.0\nLIBSTEK_0 {\n    global:\n        stek_two;\n    local:\n        *;\n};\n' >client-lib/libstek.map
    printf '%s\n/* A sample. */\n#include <stek/public.h>\n' "$spdx" >client-lib/examples/readme_sample.c
    printf 'See [the map](client-lib/libstek.map) and `core/base/one.c`.\n\n```c\n#include <stek/public.h>\n```\n' >README.md
    printf '#!/bin/sh\n# SPDX-License-Identifier: Apache-2.0\nset -eu\necho "$HOME"\n' >deploy/go.sh
    cd - >/dev/null
}

# check NAME WANTED-EXIT-CODE WANTED-TEXT: runs the lint on the tree.
check() {
    local name=$1 want=$2 text=$3 code=0
    checks=$((checks + 1))
    "$here/$name.sh" "$folder/tree" "$folder/built" >"$folder/said" 2>&1 || code=$?
    if [ "$code" = 77 ]; then
        printf '%s: %s\n' "$name" "$(cat "$folder/said")"
        return
    fi
    if [ "$code" != "$want" ] || { [ -n "$text" ] && ! grep -qF -- "$text" "$folder/said"; }; then
        printf 'FAILED: %s ended with %s, not %s, or did not say "%s":\n' "$name" "$code" "$want" "$text"
        sed 's/^/    /' "$folder/said"
        failures=$((failures + 1))
    fi
}

# offend LINT TEXT FILE LINE...: the sound tree with FILE holding LINEs; the lint must name TEXT.
offend() {
    local lint=$1 text=$2 file=$3
    shift 3
    make_tree
    mkdir -p "$folder/tree/$(dirname "$file")"
    printf '%s\n' "$@" >"$folder/tree/$file"
    check "$lint" 1 "$text"
}

# What the analyser reads: how the file that offends is compiled.
describe_build() {
    printf '[{"directory": "%s/tree", "command": "cc -Icore -c core/base/%s", "file": "%s/tree/core/base/%s"}]\n' \
        "$folder" "$1" "$folder" "$1" >"$folder/built/compile_commands.json"
}

# repeat COUNT LINE
repeat() {
    awk -v count="$1" -v line="$2" 'BEGIN { for (i = 0; i < count; i++) print line }'
}

build_library() {
    rm -rf "$folder/built"
    mkdir -p "$folder/built"
    cc -shared -fPIC -I"$folder/tree/client-lib/include" -o "$folder/built/libstek.so" \
        "$folder/tree/client-lib/src/public.c"
}

make_tree
build_library
describe_build one.c
for lint in rooms banned size format headers symbols shell docs tidy; do
    check "$lint" 0 ""
done

offend rooms 'may not include "serve/x.h"' core/base/bad.c "$spdx" '#include "serve/x.h"'
offend rooms 'may not include "wire/x.h"' core/base/bad.h "$spdx" '#include "wire/x.h"'
offend rooms 'may not include "app/x.h"' daemon/serve/bad.c "$spdx" '#include "app/x.h"'
offend rooms 'may not include "store/x.h"' client-lib/src/bad.c "$spdx" '#include "store/x.h"'
offend rooms 'may not include "src/x.h"' client-lib/examples/bad.c "$spdx" '#include "src/x.h"'
offend rooms 'may not include "serve/x.h"' daemon/ctl/bad.c "$spdx" '#include "serve/x.h"'
offend rooms 'ctl uses src/unary.h only' daemon/ctl/bad.c "$spdx" '#include "src/ringmap.h"'
offend rooms 'not a room' daemon/misc/bad.c "$spdx"
offend rooms 'write the room too' core/base/bad.c "$spdx" '#include "../base/one.h"'
offend rooms 'write the room too' core/base/bad.c "$spdx" '#include "one.h"'
offend rooms 'may not be named here' core/base/bad.c "$spdx" '#include <event2/event.h>'
offend rooms 'may not be named here' client-lib/src/bad.c "$spdx" '#include <event2/event.h>'
offend rooms 'may not be named here' daemon/serve/bad.c "$spdx" '#include <nghttp2/nghttp2.h>'
offend rooms 'generated code' daemon/serve/bad.c "$spdx" '#include "stek/v1/keys.pb-c.h"'

offend banned 'bad.c:3: this call is banned' daemon/serve/bad.c "$spdx" '/* strcpy(a, b) */' '    strcpy(a, b);'
for call in 'strcat(a, b)' 'sprintf(a, b)' 'strtok(a, b)' 'atoi(a)' 'gets(a)' 'alloca(3)'; do
    offend banned 'this call is banned' core/base/bad.c "$spdx" "    $call;"
done
offend banned 'core is deterministic' core/base/bad.c "$spdx" '    now = time(NULL);'
offend banned 'core is deterministic' core/base/bad.c "$spdx" '    RAND_bytes(a, 4);'
offend banned 'print or end the process' core/base/bad.c "$spdx" '    printf("");'
offend banned 'print or end the process' daemon/serve/bad.c "$spdx" '    exit(1);'
offend banned 'ctl and examples print' daemon/serve/bad.c "$spdx" '    fprintf(stderr, "");'
offend banned 'secret_equal' core/base/bad.c "$spdx" '    same = memcmp(key->bytes, other->bytes, 32);'
offend banned 'secret_equal' client-lib/src/bad.c "$spdx" '    same = memcmp(a, b, n);'
offend banned 'secret_alloc' core/base/bad.c "$spdx" '    subkey = malloc(32);'
offend banned 'nothing process-wide' client-lib/src/bad.c "$spdx" '    signal(SIGPIPE, SIG_IGN);'
offend banned 'outlives its function' daemon/serve/bad.c "$spdx" 'int f(void)' '{' '    static int count;' '}'
offend banned 'clean-up label' daemon/serve/bad.c "$spdx" '    goto again;'
offend banned 'bad.c:2: count: no mutable' core/base/bad.c "$spdx" 'static int count;'
offend banned 'word: no mutable' core/base/bad.c "$spdx" 'static const char *word = "a";'
offend banned 'rows: no mutable' core/base/bad.c "$spdx" 'static struct {' '    int a;' '} rows[] = {{1}};'
offend banned 'no SPDX' core/base/bad.c '/* Nothing. */'
offend banned 'no SPDX' deploy/bad.sh '#!/bin/sh' 'set -eu'
offend banned 'a reminder' core/base/bad.c "$spdx" "/* TO""DO: later */"
offend banned 'a reminder' NOTES.md "FIX""ME"
offend banned 'names a machine' deploy/bad.cmake '# SPDX-License-Identifier: Apache-2.0' "set(a /ho""me/me)"
make_tree
printf '%s\n' "$spdx" 'static int made; /* lint: one-time index */' >"$folder/tree/core/base/fine.c"
check banned 0 ""

offend size 'at most 500' core/base/bad.c "$(printf '%s\n' "$spdx"; repeat 500 '/* */')"
offend size 'long_one() has 61 lines' core/base/bad.c "$spdx" 'int long_one(void)' '{' "$(repeat 58 '    x();')" '}'
make_tree
{ printf '%s\nint fits(void)\n{\n' "$spdx"; repeat 57 '    x();'; printf '}\n'; repeat 438 ''; } >"$folder/tree/core/base/fine.c"
check size 0 ""

offend format 'bad.c:2: not as clang-format' core/base/bad.c "$spdx" 'int   f( void );'

offend headers 'does not compile alone' core/base/bad.h "$spdx" 'size_t bad_get(void);'
offend headers 'does not compile alone' core/base/bad.h "$spdx" 'struct unguarded {' '    int a;' '};'
offend headers 'does not compile as C++' client-lib/include/stek/bad.h "$spdx" '#ifndef B' '#define B' 'int bad_get(int class);' '#endif'

offend symbols 'exported and not in libstek.map' client-lib/libstek.map 'L { global: stek_one; local: *; };'
check symbols 1 'stek_one: in libstek.map and not exported'
check symbols 1 'stek_two: declared in a public header and not in libstek.map'
check symbols 1 'stek_one: in libstek.map and declared in no public header'
offend symbols 'without a word' client-lib/include/stek/public.h "$spdx" '' 'STEK_API int stek_two(void);'

offend shell 'SC2086' deploy/bad.sh '#!/bin/sh' 'echo $1'
offend shell 'SC2086' .ci/bad '#!/bin/bash' 'echo $1'

offend docs 'its C sample is not' README.md '```c' 'int main(void);' '```'
offend docs 'README.md:1: the link leads to' README.md 'See [the map](docs/none.md).' '```c' '#include <stek/public.h>' '```'
offend docs 'README.md:1: core/base/none.c is not there' README.md 'See `core/base/none.c`.' '```c' '#include <stek/public.h>' '```'

describe_build bad.c
offend tidy 'bad.c:5:' core/base/bad.c "$spdx" 'int bad_get(int a);' 'int bad_get(int a)' '{' '    if (a) return 1;' '    return 0;' '}'

printf '%d checks of lints, %d failed\n' "$checks" "$failures"
[ "$failures" = 0 ]
