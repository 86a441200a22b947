# A bus interface is written once, as XML in dbus/. add_dbus_interface(NAME FILE) generates the
# adaptor and proxy headers at build time: #include "dbus/NAME-adaptor.h" and "dbus/NAME-proxy.h",
# by linking dbus_NAME. They are system headers, so that -Werror does not judge generated code.
find_program(SDBUS_XML2CPP sdbus-c++-xml2cpp REQUIRED)

function(add_dbus_interface name xml)
  set(gen ${CMAKE_BINARY_DIR}/gen)
  file(MAKE_DIRECTORY ${gen}/dbus)
  set(out ${gen}/dbus/${name}-adaptor.h ${gen}/dbus/${name}-proxy.h)
  add_custom_command(OUTPUT ${out}
    COMMAND ${SDBUS_XML2CPP} ${CMAKE_CURRENT_SOURCE_DIR}/${xml}
            --adaptor=dbus/${name}-adaptor.h --proxy=dbus/${name}-proxy.h
    WORKING_DIRECTORY ${gen} DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${xml} VERBATIM)
  add_custom_target(dbus_${name}_gen DEPENDS ${out})
  add_library(dbus_${name} INTERFACE)
  add_dependencies(dbus_${name} dbus_${name}_gen)
  target_include_directories(dbus_${name} SYSTEM INTERFACE ${gen})
  target_link_libraries(dbus_${name} INTERFACE PkgConfig::SDBUSCPP)
  install(FILES ${xml} DESTINATION ${CMAKE_INSTALL_DATADIR}/dbus-1/interfaces)
endfunction()
