# SPDX-License-Identifier: Apache-2.0
# Takes out of scdoc's output the paragraph breaks that break nothing: after a heading, before one,
# twice, and at the end. mandoc warns of each, and real warnings would drown among them.
function is_heading(line) { return line ~ /^\.(TH|SH|SS) / }
/^\.P$/ {
    is_pending = 1
    next
}
{
    if (is_pending && !is_heading($0) && !is_heading(last) && $0 != ".RE") { print ".P" }
    is_pending = 0
    print
    last = $0
}
