# The dialect and pass reference, generated from the .td files into build/docs/reference.
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
foreach(stage lowering routing autodiff precision fusion plan)
  if(EXISTS ${CMAKE_SOURCE_DIR}/passes/${stage}/Passes.td)
    hydra_reference_page(passes-${stage} passes/${stage}/Passes.td -gen-pass-doc)
  endif()
endforeach()
get_property(pages GLOBAL PROPERTY HYDRA_REFERENCE_PAGES)
add_custom_target(docs DEPENDS ${pages})
