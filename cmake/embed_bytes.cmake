# SPDX-License-Identifier: Apache-2.0
# cmake -DFROM=FILE -DTO=STEM -DNAME=NAME -P embed_bytes.cmake: writes STEM.h and STEM.c, where
# `const unsigned char NAME[NAME_LEN]` holds the bytes of FILE.
file(READ ${FROM} hex HEX)
string(LENGTH "${hex}" digits)
math(EXPR len "${digits} / 2")
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${hex}")
string(REGEX REPLACE "(.....)(.....)(.....)(.....)(.....)(.....)(.....)(.....)" "\\0\n" bytes "${bytes}")
string(TOUPPER ${NAME} macro)
get_filename_component(stem ${TO} NAME) # with its dots
file(WRITE ${TO}.h "#ifndef ${macro}_H\n#define ${macro}_H\n"
    "enum { ${macro}_LEN = ${len} };\nextern const unsigned char ${NAME}[${macro}_LEN];\n#endif\n")
file(WRITE ${TO}.c
    "#include \"${stem}.h\"\nconst unsigned char ${NAME}[${macro}_LEN] = {\n${bytes}\n};\n")
