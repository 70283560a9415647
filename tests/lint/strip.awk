# SPDX-License-Identifier: Apache-2.0
# C without its comments and without what stands in string and character literals, so that words
# are only found where they are code. Each line comes out as FILE:LINE:CODE; a line on which a
# comment allows something ("lint: ...") keeps that comment's words as @LINT(...).
FNR == 1 { in_comment = 0 }
{
    line = $0
    out = ""
    while (line != "") {
        if (in_comment) {
            at = index(line, "*/")
            if (at == 0) {
                line = ""
            } else {
                line = substr(line, at + 2)
                in_comment = 0
            }
            continue
        }
        if (match(line, /^[^"'\/]+/)) {
            out = out substr(line, 1, RLENGTH)
            line = substr(line, RLENGTH + 1)
            continue
        }
        two = substr(line, 1, 2)
        one = substr(line, 1, 1)
        if (two == "//") {
            line = ""
        } else if (two == "/*") {
            if (match(line, /^\/\* lint: [a-z -]*\*\//)) {
                out = out "@LINT(" substr(line, 10, RLENGTH - 12) ")"
            }
            line = substr(line, 3)
            in_comment = 1
        } else if (one == "\"" && match(line, /^"([^"\\]|\\.)*"/)) {
            out = out "\"\""
            line = substr(line, RLENGTH + 1)
        } else if (one == "'" && match(line, /^'([^'\\]|\\.)+'/)) {
            out = out "' '"
            line = substr(line, RLENGTH + 1)
        } else {
            out = out one
            line = substr(line, 2)
        }
    }
    print FILENAME ":" FNR ":" out
}
