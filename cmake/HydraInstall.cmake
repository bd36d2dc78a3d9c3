# What `make install` puts where: the programs, libhydra with its header and package files for
# find_package(hydra), the models, the manual and completion for shells.
include(CMakePackageConfigHelpers)
set(hydra_package ${CMAKE_INSTALL_LIBDIR}/cmake/hydra)

# What a user runs, without the tests: `make build`.
add_custom_target(programs DEPENDS hydra-run hydra)
if(TARGET hydra-opt)
  add_dependencies(programs hydra-opt)
endif()

install(TARGETS hydra-run RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
if(TARGET hydra-opt)
  install(TARGETS hydra-opt hydra-lsp-server hydra-reduce RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endif()
install(TARGETS hydra EXPORT hydraTargets LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
# Programs include it as <hydra/hydra.h>.
install(FILES ${CMAKE_SOURCE_DIR}/runtime/app/hydra.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/hydra)
install(EXPORT hydraTargets NAMESPACE hydra:: DESTINATION ${hydra_package})
file(WRITE ${CMAKE_BINARY_DIR}/hydraConfig.cmake
     "include(\"\${CMAKE_CURRENT_LIST_DIR}/hydraTargets.cmake\")\n")
write_basic_package_version_file(${CMAKE_BINARY_DIR}/hydraConfigVersion.cmake
  VERSION ${PROJECT_VERSION} COMPATIBILITY SameMajorVersion)
install(FILES ${CMAKE_BINARY_DIR}/hydraConfig.cmake ${CMAKE_BINARY_DIR}/hydraConfigVersion.cmake
        DESTINATION ${hydra_package})

install(DIRECTORY ${CMAKE_SOURCE_DIR}/models/ DESTINATION ${CMAKE_INSTALL_DATADIR}/hydra/models
        FILES_MATCHING PATTERN "*.mlir" PATTERN "*.json")

# Made by the programs themselves, so that they are their help texts.
set(hydra_opt_manual)
if(TARGET hydra-opt)
  set(hydra_opt_manual "\"${CMAKE_INSTALL_MANDIR}/man1/hydra-opt.1;hydra-opt;--man\"")
endif()
install(CODE "
  set(programs \"${CMAKE_BINARY_DIR}/bin\")
  set(prefix \"\$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}\")
  foreach(made \"${CMAKE_INSTALL_MANDIR}/man1/hydra-run.1;hydra-run;help;--man\"
               ${hydra_opt_manual}
               \"${CMAKE_INSTALL_DATADIR}/bash-completion/completions/hydra-run;hydra-run;help;--completion;bash\"
               \"${CMAKE_INSTALL_DATADIR}/zsh/site-functions/_hydra-run;hydra-run;help;--completion;zsh\"
               \"${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d/hydra-run.fish;hydra-run;help;--completion;fish\")
    list(POP_FRONT made file program)
    execute_process(COMMAND \${programs}/\${program} \${made} OUTPUT_VARIABLE text COMMAND_ERROR_IS_FATAL ANY)
    message(STATUS \"Installing: \${prefix}/\${file}\")
    file(WRITE \"\${prefix}/\${file}\" \"\${text}\")
  endforeach()
")
