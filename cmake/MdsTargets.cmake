# One function per kind of target, so that every library, daemon and tool is built the same way.

add_library(mds_options INTERFACE)
target_compile_options(mds_options INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual
  -fstack-protector-strong -fstack-clash-protection)
if(MDS_WERROR)
  target_compile_options(mds_options INTERFACE -Werror)
endif()
if(MDS_SANITIZE)
  target_compile_options(mds_options INTERFACE
    -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer)
  target_link_options(mds_options INTERFACE -fsanitize=address,undefined)
endif()

if(MDS_FUZZ)
  target_compile_options(mds_options INTERFACE -Wno-error
    -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined)
  target_link_options(mds_options INTERFACE -fsanitize=address,undefined)
endif()

# mds_library(NAME SOURCES ... LINKS ...): lib/NAME becomes the target mds::NAME; it may include
# only what it links, because include folders come from targets alone.
function(mds_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINKS" ${ARGN})
  if(ARG_SOURCES)
    add_library(mds_${name} STATIC ${ARG_SOURCES})
    target_include_directories(mds_${name} PUBLIC ${CMAKE_SOURCE_DIR}/lib)
    target_link_libraries(mds_${name} PUBLIC ${ARG_LINKS} PRIVATE mds_options)
  else()
    add_library(mds_${name} INTERFACE)
    target_include_directories(mds_${name} INTERFACE ${CMAKE_SOURCE_DIR}/lib)
    target_link_libraries(mds_${name} INTERFACE ${ARG_LINKS})
  endif()
  add_library(mds::${name} ALIAS mds_${name})
endfunction()

# mds_daemon(NAME SOURCES ... LINKS ...): /usr/lib/mds/mds-NAME, whose heap keeps nothing that was freed
function(mds_daemon name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINKS" ${ARGN})
  add_executable(mds-${name} ${ARG_SOURCES})
  target_link_libraries(mds-${name} PRIVATE ${ARG_LINKS} mds::wiping_heap mds_options)
  install(TARGETS mds-${name} RUNTIME DESTINATION ${MDS_LIBEXECDIR})
endfunction()

# mds_test(NAME SOURCES ... LINKS ...): a GoogleTest program build/tests/test_NAME
function(mds_test name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINKS" ${ARGN})
  add_executable(test_${name} ${ARG_SOURCES})
  target_link_libraries(test_${name} PRIVATE ${ARG_LINKS} GTest::gtest_main mds_options)
  target_include_directories(test_${name} PRIVATE ${CMAKE_SOURCE_DIR}/tests/support)
  set_target_properties(test_${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
  add_test(NAME ${name} COMMAND test_${name})
endfunction()

# Adds every folder below the current one that has a CMakeLists.txt.
function(mds_add_subdirectories)
  file(GLOB children RELATIVE ${CMAKE_CURRENT_SOURCE_DIR} CONFIGURE_DEPENDS
       ${CMAKE_CURRENT_SOURCE_DIR}/*/CMakeLists.txt)
  foreach(child ${children})
    get_filename_component(folder ${child} DIRECTORY)
    add_subdirectory(${folder})
  endforeach()
endfunction()
