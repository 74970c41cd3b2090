# The target duckdb::capi: DuckDB 1.4.4's shared library and C header, from two exactly pinned npm tarballs whose SHA-512 is
# checked.  Nothing of them runs at install time and no Node is needed at run time.  `./dev setup` fills .cache/duckdb.
set(DUCKDB_CACHE "${CMAKE_SOURCE_DIR}/.cache/duckdb" CACHE PATH "Where the two tarballs are kept")
set(duckdb_dir "${CMAKE_BINARY_DIR}/_duckdb")

function(duckdb_tarball package file sha512)
  set(path "${DUCKDB_CACHE}/${file}")
  if(NOT EXISTS "${path}")
    find_program(NPM npm REQUIRED)
    file(MAKE_DIRECTORY "${DUCKDB_CACHE}")
    execute_process(COMMAND ${NPM} pack --silent --ignore-scripts ${package} WORKING_DIRECTORY "${DUCKDB_CACHE}"
                    RESULT_VARIABLE failed OUTPUT_QUIET)
    if(failed)
      message(FATAL_ERROR "npm pack ${package} failed (${failed}): is the npm registry reachable?")
    endif()
  endif()
  file(SHA512 "${path}" found)
  if(NOT found STREQUAL sha512)
    file(REMOVE "${path}")
    message(FATAL_ERROR "${file}: SHA-512 is ${found}, expected ${sha512}; removed, try again")
  endif()
endfunction()

if(NOT EXISTS "${duckdb_dir}/.complete-1.4.4")
  duckdb_tarball(@duckdb/node-bindings-linux-x64@1.4.4-r.4 duckdb-node-bindings-linux-x64-1.4.4-r.4.tgz
    8c14cbfd6bdfc312d3a056bfa551df4fa7a532d96d2469dcdf04aec590fd39f325b62b7d614755152dfbbc1150cd7313d59f0e5a3b528cc87eccf2b13b01cb1c)
  duckdb_tarball(duckdb@1.4.4 duckdb-1.4.4.tgz
    844249e61c9517454b8f776638ba6c5ab411d1bddde1892ab72826ea25178c72430e74aa83f5122b171be6abcdace84560f824b5ac94e9d5c2b603ea7269a9a2)
  file(ARCHIVE_EXTRACT INPUT "${DUCKDB_CACHE}/duckdb-node-bindings-linux-x64-1.4.4-r.4.tgz" DESTINATION "${duckdb_dir}"
       PATTERNS "package/libduckdb.so" "package/LICENSE")
  file(ARCHIVE_EXTRACT INPUT "${DUCKDB_CACHE}/duckdb-1.4.4.tgz" DESTINATION "${duckdb_dir}"
       PATTERNS "package/src/duckdb/src/include/duckdb.h")
  file(TOUCH "${duckdb_dir}/.complete-1.4.4")
endif()

add_library(duckdb::capi SHARED IMPORTED GLOBAL)
set_target_properties(duckdb::capi PROPERTIES
  IMPORTED_LOCATION "${duckdb_dir}/package/libduckdb.so"
  INTERFACE_INCLUDE_DIRECTORIES "${duckdb_dir}/package/src/duckdb/src/include")
