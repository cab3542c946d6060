# What of llama.cpp is built. CMake reads this file when it enters llama.cpp's project, as .cargo/config.toml asks; without
# it the build takes some minutes more, and the program is the same.

# No server is linked, so that OpenSSL and processes of its own aren't needed; warnings are for its authors.
set(LLAMA_OPENSSL OFF CACHE BOOL "")
set(LLAMA_SUBPROCESS OFF CACHE BOOL "")
set(LLAMA_ALL_WARNINGS OFF CACHE BOOL "")

# Of `common` the bindings link the grammars, the samplers and the fit, none of the chat, the downloads or the options.
function(minions_leave_out)
    get_target_property(sources llama-common SOURCES)
    list(FILTER sources EXCLUDE REGEX
        "^(arg|chat|chat-.*|console|debug|download|hf-cache|imatrix-loader|llguidance|peg-parser|preset|subproc|jinja/.*)\\.cpp$|/parsers/")
    set_property(TARGET llama-common PROPERTY SOURCES ${sources})
    get_target_property(libraries llama-common LINK_LIBRARIES)
    list(REMOVE_ITEM libraries cpp-httplib)
    set_property(TARGET llama-common PROPERTY LINK_LIBRARIES ${libraries})
    set_property(TARGET cpp-httplib vendor-hash PROPERTY EXCLUDE_FROM_ALL TRUE)
endfunction()

if(CMAKE_SOURCE_DIR STREQUAL CMAKE_CURRENT_SOURCE_DIR AND CMAKE_CXX_COMPILER_ID MATCHES "GNU|Clang" AND NOT CMAKE_VERSION VERSION_LESS 3.19)
    cmake_language(DEFER CALL minions_leave_out)
endif()
