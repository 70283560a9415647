# SPDX-License-Identifier: Apache-2.0
# -DSTEK_KNOWN_BAD=NAME builds with the one-line fault of tests/known_bad/NAME.patch (or of NAME,
# if that is the path of a patch), to see that the tests catch it. The sources stay as they are: a
# patched copy in the build folder is compiled in place of the one file.
set(STEK_KNOWN_BAD "" CACHE STRING "Build with a known fault: a name in tests/known_bad, or a path")

# Before anything that installs.
if(STEK_KNOWN_BAD)
    install(CODE "message(FATAL_ERROR \"not installed: built with the known fault \
'${STEK_KNOWN_BAD}'; configure again with -DSTEK_KNOWN_BAD=\")")
endif()

# The folder whose CMakeLists.txt lists the file: its own, or one above.
function(_known_bad_folder_of file out)
    cmake_path(GET file PARENT_PATH folder)
    while(NOT EXISTS ${CMAKE_SOURCE_DIR}/${folder}/CMakeLists.txt)
        cmake_path(GET folder PARENT_PATH folder)
    endwhile()
    set(${out} ${CMAKE_SOURCE_DIR}/${folder} PARENT_SCOPE)
endfunction()

# The patched copy. Its time changes only when its text does, so that nothing is built twice.
function(_known_bad_copy patch file copy)
    find_program(PATCH patch REQUIRED)
    cmake_path(GET copy PARENT_PATH folder)
    file(MAKE_DIRECTORY ${folder})
    # By the one line alone, which is its own: those around it may change.
    execute_process(
        COMMAND ${PATCH} --fuzz=1 --silent --output=${copy}.new ${CMAKE_SOURCE_DIR}/${file} ${patch}
        OUTPUT_VARIABLE said ERROR_VARIABLE said RESULT_VARIABLE code)
    file(REMOVE ${copy}.new.rej)
    if(NOT code EQUAL 0)
        message(FATAL_ERROR
            "${patch} does not apply to ${file}, which has changed: make the patch anew. ${said}")
    endif()
    file(COPY_FILE ${copy}.new ${copy} ONLY_IF_DIFFERENT)
    file(REMOVE ${copy}.new)
endfunction()

# Who includes the header finds the copy first; nobody else is compiled again.
function(_known_bad_use_header folder file copy)
    string(REGEX REPLACE "^(core|daemon|client-lib)/" "" include ${file})
    string(REGEX REPLACE "/${include}$" "" base ${copy})
    file(GLOB sources ${folder}/*.c)
    foreach(source IN LISTS sources)
        file(STRINGS ${source} found REGEX "^#include \"${include}\"")
        if(found)
            set_property(SOURCE ${source} DIRECTORY ${folder}
                APPEND PROPERTY COMPILE_OPTIONS -iquote${base})
        endif()
    endforeach()
endfunction()

function(_known_bad_use_source folder file copy)
    get_property(targets DIRECTORY ${folder} PROPERTY BUILDSYSTEM_TARGETS)
    cmake_path(RELATIVE_PATH file BASE_DIRECTORY ${folder} OUTPUT_VARIABLE listed)
    set(listed ${CMAKE_SOURCE_DIR}/${file})
    cmake_path(RELATIVE_PATH listed BASE_DIRECTORY ${folder})
    foreach(target IN LISTS targets)
        get_target_property(sources ${target} SOURCES)
        if(${listed} IN_LIST sources)
            list(TRANSFORM sources REPLACE "^${listed}$" ${copy})
            set_property(TARGET ${target} PROPERTY SOURCES ${sources})
        endif()
    endforeach()
endfunction()

# After all targets: puts the copy in the place of the original.
function(stek_known_bad)
    set(patch ${STEK_KNOWN_BAD})
    if(NOT IS_ABSOLUTE ${patch})
        set(patch ${CMAKE_SOURCE_DIR}/tests/known_bad/${STEK_KNOWN_BAD}.patch)
    endif()
    if(NOT EXISTS ${patch})
        message(FATAL_ERROR "STEK_KNOWN_BAD is '${STEK_KNOWN_BAD}', but there is no ${patch}")
    endif()
    file(STRINGS ${patch} file REGEX "^[+][+][+] b/")
    string(REGEX REPLACE "^[+]+ b/([^ \t]+).*$" "\\1" file "${file}")
    set(copy ${CMAKE_BINARY_DIR}/known_bad/${file})
    _known_bad_copy(${patch} ${file} ${copy})
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS
        ${patch} ${CMAKE_SOURCE_DIR}/${file})
    _known_bad_folder_of(${file} folder)
    if(file MATCHES "\\.h$")
        _known_bad_use_header(${folder} ${file} ${copy})
    else()
        _known_bad_use_source(${folder} ${file} ${copy})
    endif()
    get_target_property(definitions stekd COMPILE_DEFINITIONS)
    string(REPLACE "\"${PROJECT_VERSION}\"" "\"${PROJECT_VERSION} known-bad: ${STEK_KNOWN_BAD}\""
        definitions "${definitions}")
    set_property(TARGET stekd PROPERTY COMPILE_DEFINITIONS "${definitions}")
    message(WARNING "KNOWN BAD: built with the fault '${STEK_KNOWN_BAD}' in ${file}: never run this")
endfunction()
