# The documentation for a browser: the reference, generated from the .td files and the programs into
# build/docs/reference, and pages of it and of docs/ in build/docs/html.
# hydra_reference_page(NAME TD-FILE GENERATOR-FLAGS...)
function(hydra_reference_page name td)
  set(output ${CMAKE_BINARY_DIR}/docs/reference/${name}.md)
  add_custom_command(
    OUTPUT ${output}
    COMMAND ${CMAKE_COMMAND} -E make_directory ${CMAKE_BINARY_DIR}/docs/reference
    COMMAND ${MLIR_TABLEGEN_EXE} ${ARGN} -I${CMAKE_SOURCE_DIR} -I${MLIR_INCLUDE_DIRS}
            ${CMAKE_SOURCE_DIR}/${td} -o ${output}
    DEPENDS ${CMAKE_SOURCE_DIR}/${td}
    COMMENT "Reference page ${name}.md")
  set_property(GLOBAL APPEND PROPERTY HYDRA_REFERENCE_PAGES ${output})
endfunction()

hydra_reference_page(hydra-dialect dialects/hydra/HydraOps.td -gen-dialect-doc -dialect=hydra)
hydra_reference_page(rows-dialect dialects/rows/RowsOps.td -gen-dialect-doc -dialect=rows)
hydra_reference_page(plan-dialect dialects/plan/PlanOps.td -gen-dialect-doc -dialect=plan)
hydra_reference_page(hydra-interfaces dialects/hydra/HydraInterfaces.td -gen-op-interface-docs)
file(GLOB stages RELATIVE ${CMAKE_SOURCE_DIR}/passes CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/passes/*/Passes.td)
foreach(stage ${stages})
  get_filename_component(name ${stage} DIRECTORY)
  hydra_reference_page(passes-${name} passes/${stage} -gen-pass-doc)
endforeach()

# hydra_generated_page(NAME SCRIPT ARGUMENT... DEPENDS ...): what the script prints.
function(hydra_generated_page name script)
  cmake_parse_arguments(ARG "" "" "DEPENDS" ${ARGN})
  set(output ${CMAKE_BINARY_DIR}/docs/reference/${name}.md)
  add_custom_command(
    OUTPUT ${output}
    COMMAND ${CMAKE_COMMAND} -E make_directory ${CMAKE_BINARY_DIR}/docs/reference
    COMMAND python3 -B ${CMAKE_SOURCE_DIR}/scripts/docs/${script} ${ARG_UNPARSED_ARGUMENTS} > ${output}.new
    COMMAND ${CMAKE_COMMAND} -E rename ${output}.new ${output}
    DEPENDS ${CMAKE_SOURCE_DIR}/scripts/docs/${script} ${ARG_DEPENDS}
    COMMENT "Reference page ${name}.md")
  set_property(GLOBAL APPEND PROPERTY HYDRA_REFERENCE_PAGES ${output})
endfunction()

find_program(HYDRA_LLVM_TBLGEN NAMES llvm-tblgen-22 llvm-tblgen HINTS ${LLVM_TOOLS_BINARY_DIR} REQUIRED)
hydra_generated_page(model-settings model_settings.py ${CMAKE_SOURCE_DIR} ${HYDRA_LLVM_TBLGEN} ${MLIR_INCLUDE_DIRS}
  DEPENDS ${CMAKE_SOURCE_DIR}/dialects/hydra/HydraModelOps.td ${CMAKE_SOURCE_DIR}/dialects/hydra/HydraAttributes.td
          ${CMAKE_SOURCE_DIR}/frontend/ModelConfig.cpp ${CMAKE_SOURCE_DIR}/frontend/ModelConfig.h
          ${CMAKE_SOURCE_DIR}/docs/config.md)
hydra_generated_page(commands commands.py $<TARGET_FILE:hydra-run> DEPENDS hydra-run)

get_property(pages GLOBAL PROPERTY HYDRA_REFERENCE_PAGES)
file(GLOB_RECURSE guide CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/docs/*.md)
set(index ${CMAKE_BINARY_DIR}/docs/html/index.html)
add_custom_command(
  OUTPUT ${index}
  COMMAND python3 -B ${CMAKE_SOURCE_DIR}/scripts/docs/html_pages.py ${CMAKE_SOURCE_DIR}
          ${CMAKE_BINARY_DIR}/docs/reference ${CMAKE_BINARY_DIR}/docs/html
  DEPENDS ${pages} ${guide} ${CMAKE_SOURCE_DIR}/scripts/docs/html_pages.py
  COMMENT "Documentation in docs/html/index.html")
add_custom_target(docs DEPENDS ${index})
