# SPDX-License-Identifier: Apache-2.0
# Reads strip.awk's lines; names what may not stand there. `word(...)` is a call by that name.
function fail(sentence) { print file ":" number ": " sentence }

function word(names) { return code ~ ("(^|[^A-Za-z0-9_>.])(" names ")[ \t]*\\(") }

{
    at = index($0, ":")
    file = substr($0, 1, at - 1)
    rest = substr($0, at + 1)
    at = index(rest, ":")
    number = substr(rest, 1, at - 1)
    code = substr(rest, at + 1)
    is_core = file ~ /^core\//
    is_library = file ~ /^client-lib\/src\//
    is_product = file ~ /^(core|daemon|client-lib)\//
    is_tool = file ~ /^daemon\/(main\.c|ctl\/)|^client-lib\/examples\//

    if (word("strcpy|strcat|stpcpy|sprintf|vsprintf|strncpy|strncat|strtok|strtok_r|gets|atoi|atol|atoll|atof|alloca|mktemp|tmpnam|tempnam")) {
        fail("this call is banned: see docs/STYLE.md, Language")
    }
    if (is_core && word("time|gettimeofday|clock_gettime|clock|rand|random|srand|getrandom|RAND_bytes|RAND_priv_bytes|getenv|socket|connect|open|openat|fopen|read|write|nanosleep|usleep|sleep")) {
        fail("core is deterministic: time, randomness and files are arguments")
    }
    if (is_product && !is_tool && word("printf|puts|putchar|perror|exit|_exit|_Exit|quick_exit|abort|system|popen|errx|verrx")) {
        fail("only main.c, ctl and examples print or end the process")
    }
    if (is_product && !is_tool && code ~ /fprintf[ \t]*\([ \t]*std(err|out)/) {
        fail("only main.c, ctl and examples print")
    }
    # HTTP/2 and gRPC headers are public text.
    if ((is_core || is_library) && file !~ /^core\/wire\/(h2|grpc)_/ && word("memcmp|bcmp") &&
        code !~ /@LINT\(public bytes\)/ &&
        code !~ /(NAME_LEN|DIGEST_LEN|VERSION_LEN|HASH_LEN|digest|sid)/) {
        fail("memcmp() on bytes that are not a name or a digest: use secret_equal(), or say /* lint: public bytes */")
    }
    if ((is_core || is_library) && word("malloc|calloc|realloc|reallocarray|strdup|strndup|OPENSSL_malloc") &&
        code ~ /(secret|kek|subkey|KEY_LEN|hmac|aes|key_bytes)/ && code !~ /KEY_NAME_LEN/) {
        fail("key bytes live in secret_alloc() memory only")
    }
    if (is_library && word("signal|sigaction|sigprocmask|setlocale|setenv|putenv|unsetenv|atexit|CRYPTO_set_mem_functions|mlockall|umask|chdir|OPENSSL_init_crypto|prctl|srand")) {
        fail("libstek changes nothing process-wide")
    }
    if (is_product && code ~ /^[ \t]+static[ \t]/ && code !~ /[^A-Za-z0-9_]const[^A-Za-z0-9_]/ &&
        code !~ /_Static_assert|@LINT\(one-time index\)/) {
        fail("a variable that outlives its function is state nobody passed in")
    }
    if (is_product && code ~ /(^|[^A-Za-z0-9_])goto[ \t]/ && code !~ /goto[ \t]+out;/) {
        fail("one clean-up label, and it is called out")
    }
}
