# The library tidecast_console: console_files() of src/api/console.h, all files of the console as part of the program.
# tools/console.mjs runs npm in a copy of web/ in the build tree, and only when something below changed.  web/ itself, and a
# developer's node_modules there, are left alone.  Without web/ the program has no console.
set(console_web "${CMAKE_SOURCE_DIR}/web" CACHE INTERNAL "")
set(console_folder "${CMAKE_BINARY_DIR}/_console")
set(console_source "${console_folder}/console_files.cc")

file(GLOB console_configs CONFIGURE_DEPENDS
     ${console_web}/index.html ${console_web}/package*.json ${console_web}/vite.config.* ${console_web}/tsconfig*.json)
if(console_configs)
  find_program(NODE node)
  find_program(NPM npm)
  if(NOT NODE OR NOT NPM)
    message(FATAL_ERROR "The console needs Node 18 or later and npm to be built: run ./dev setup, or apt-get install nodejs npm")
  endif()
  file(GLOB_RECURSE console_inputs CONFIGURE_DEPENDS
       ${console_web}/src/* ${console_web}/public/* ${console_web}/tests/fixture/*)  # vite.config.ts imports the fixture.
  add_custom_command(
    OUTPUT ${console_source}
    COMMAND ${NODE} ${CMAKE_SOURCE_DIR}/tools/console.mjs ${NPM} ${console_web} ${console_folder}
    DEPENDS ${console_inputs} ${console_configs} ${CMAKE_SOURCE_DIR}/tools/console.mjs
    COMMENT "Building the console" VERBATIM)
else()
  message(STATUS "There is no web/: the program has no console")
  file(CONFIGURE OUTPUT ${console_source} CONTENT
       "#include \"api/console.h\"\nstd::span<const tidecast::ConsoleFile> tidecast::console_files() { return {}; }\n")
endif()

add_library(tidecast_console STATIC ${console_source})
target_link_libraries(tidecast_console PUBLIC room_api)
