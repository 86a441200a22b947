# Writes the manual page of some units: what they are in words (units/PAGE.scd), and what the unit files
# and the bus say of them. Also the list of all units in mds(7), from the same words.
#   cmake -DROOT=SOURCES -DBODY=units/PAGE.scd -DOUT=PAGE.8.scd -P unit_page.cmake
#   cmake -DROOT=SOURCES -DPAGE=mds.7.scd -DOUT=mds.7.scd -P unit_page.cmake

# The value of KEY= in a unit file, "" when it has none.
function(value_of unit key variable)
  file(STRINGS ${ROOT}/units/${unit} lines REGEX "^${key}=")
  set(found "")
  foreach(line IN LISTS lines)
    string(REGEX REPLACE "^${key}=" "" found "${line}")
  endforeach()
  set(${variable} "${found}" PARENT_SCOPE)
endfunction()

# Units, "see" and text of a body; what it is in one paragraph.
macro(read_body file)
  file(READ ${file} text)
  string(REGEX MATCH "^units: ([^\n]+)\nsee: ([^\n]+)\n\n([^\n]+(\n[^\n]+)*)\n" matched "${text}")
  if(NOT matched)
    message(FATAL_ERROR "${file}: begins with units:, see:, an empty line and a paragraph")
  endif()
  set(first "${CMAKE_MATCH_3}")
  set(see "${CMAKE_MATCH_2}")
  string(REPLACE " " ";" units "${CMAKE_MATCH_1}")
  string(REGEX REPLACE "^units: [^\n]+\nsee: [^\n]+\n\n" "" text "${text}")
endmacro()

# A name as scdoc takes it.
function(escaped text variable)
  string(REPLACE "_" "\\_" text "${text}")
  set(${variable} "${text}" PARENT_SCOPE)
endfunction()

function(row words value)
  if(NOT "${value}" STREQUAL "")
    escaped("${value}" value)
    set(facts "${facts}\n\t- ${words}: ${value}" PARENT_SCOPE)
  endif()
endfunction()

function(unit_page)
  read_body(${BODY})
  list(GET units 0 page)
  value_of(${page} Description description)
  string(REPLACE "%i" "NAME" description "${description}")
  set(names ${units})
  set(synopsis "")
  set(facts "")
  foreach(unit IN LISTS units)
    set(synopsis "${synopsis}_${unit}_++\n")
    set(facts "${facts}\n\n_${unit}_")
    value_of(${unit} ExecStart program)
    string(REPLACE "%i" "NAME" program "${program}")
    row("runs" "${program}")
    if(program MATCHES "^(/usr/lib/mds/(mds-[a-z]+))")
      list(APPEND names ${CMAKE_MATCH_2})
      set(synopsis "${synopsis}_${CMAKE_MATCH_1}_++\n")
    endif()
    value_of(${unit} User user)
    row("as user" "${user}")
    value_of(${unit} ListenStream port)
    row("listens on" "${port}")
    value_of(${unit} ReadWritePaths paths)
    row("writes" "${paths}")
    value_of(${unit} MemoryMax memory)
    row("memory, at most" "${memory}")
    value_of(${unit} OnUnitActiveSec every)
    row("every" "${every}")
    if(program MATCHES "^/usr/lib/mds/mds-([a-z])([a-z]+)")
      string(TOUPPER ${CMAKE_MATCH_1} capital)
      set(interface org.openmds.${capital}${CMAKE_MATCH_2}1)
      if(EXISTS ${ROOT}/dbus/${interface}.xml)
        row("on the bus" "${interface}, described in /usr/share/dbus-1/interfaces")
      endif()
    endif()
    value_of(${unit} WantedBy wanted)
    row("when enabled, started by" "${wanted}")
  endforeach()
  list(JOIN names ", " names)
  string(REGEX REPLACE "\\+\\+\n$" "\n" synopsis "${synopsis}")
  # scdoc takes no @ in a title.
  string(REPLACE "@" "" title ${page})
  file(WRITE ${OUT} "${title}(8)

# NAME

${names} - ${description}

# SYNOPSIS

${synopsis}
# DESCRIPTION

${text}
# FACTS

What *systemctl cat* shows, in short:${facts}

# SEE ALSO

*mds*(7), *mds-files*(7), ${see}
")
endfunction()

function(overview)
  file(GLOB bodies ${ROOT}/docs/man/units/*.scd)
  set(list "")
  foreach(body IN LISTS bodies)
    read_body(${body})
    list(JOIN units "_, _" units)
    string(REPLACE "\n" "\n\t" first "${first}")
    string(APPEND list "_${units}_\n\t${first}\n\n")
  endforeach()
  file(READ ${PAGE} text)
  string(REPLACE "@UNITS@\n\n" "${list}" text "${text}")
  file(WRITE ${OUT} "${text}")
endfunction()

if(DEFINED BODY)
  unit_page()
else()
  overview()
endif()
