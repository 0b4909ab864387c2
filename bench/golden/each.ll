; rustc 1.95.0 (59807616e 2026-04-14), LLVM 22.1.2, x86_64-unknown-linux-gnu
define noundef i64 @each_rust(ptr noalias noundef align 8 captures(none) dereferenceable(480) %v1) unnamed_addr personality ptr @rust_eh_personality {
b0:
  %v2 = alloca [56 x i8], align 8
  %v3 = getelementptr inbounds nuw i8, ptr %v1, i64 352
  %v4 = load i64, ptr %v3, align 8
  %v5 = getelementptr inbounds nuw i8, ptr %v1, i64 336
  %v6 = load i64, ptr %v5, align 8
  %v7 = getelementptr inbounds nuw i8, ptr %v1, i64 332
  %v8 = getelementptr inbounds nuw i8, ptr %v1, i64 328
  %v9 = load i32, ptr %v8, align 8
  %v10 = icmp eq i32 %v9, 0
  br i1 %v10, label %b28, label %b1
b1:
  %v11 = getelementptr inbounds nuw i8, ptr %v1, i64 8
  %v12 = getelementptr inbounds nuw i8, ptr %v1, i64 368
  %v13 = getelementptr inbounds nuw i8, ptr %v1, i64 384
  %v14 = getelementptr inbounds nuw i8, ptr %v1, i64 392
  %v15 = getelementptr inbounds nuw i8, ptr %v1, i64 472
  %v16 = getelementptr inbounds nuw i8, ptr %v1, i64 344
  %v17 = getelementptr inbounds nuw i8, ptr %v1, i64 432
  %v18 = getelementptr inbounds nuw i8, ptr %v1, i64 440
  %v19 = getelementptr inbounds nuw i8, ptr %v1, i64 448
  %v20 = getelementptr inbounds nuw i8, ptr %v1, i64 464
  %v21 = getelementptr inbounds nuw i8, ptr %v1, i64 320
  %v22 = getelementptr inbounds nuw i8, ptr %v2, i64 8
  %v23 = getelementptr inbounds nuw i8, ptr %v2, i64 16
  %v24 = getelementptr inbounds nuw i8, ptr %v2, i64 24
  %v25 = getelementptr inbounds nuw i8, ptr %v2, i64 32
  %v26 = getelementptr inbounds nuw i8, ptr %v1, i64 32
  %v27 = load i8, ptr %v7, align 4
  br label %b2
b2:
  %v28 = phi i32 [ %v9, %b1 ], [ %v29, %b23 ]
  %v30 = phi i8 [ %v27, %b1 ], [ %v31, %b23 ]
  %v32 = phi i64 [ %v6, %b1 ], [ %v33, %b23 ]
  %v34 = phi i1 [ false, %b1 ], [ %v35, %b23 ]
  %v36 = phi i64 [ undef, %b1 ], [ %v37, %b23 ]
  %v38 = load i64, ptr %v1, align 8
  %v39 = trunc nuw i64 %v38 to i1
  %v40 = load i64, ptr %v11, align 8
  %v41 = select i1 %v39, i64 %v40, i64 0
  %v42 = load <2 x i64>, ptr %v12, align 8
  %v43 = load i64, ptr %v13, align 8
  %v44 = load i64, ptr %v14, align 8
  %v45 = trunc nuw i8 %v30 to i1
  %v46 = sub i64 %v32, %v44
  %v47 = select i1 %v45, i64 -1, i64 4294967295
  %v48 = and i64 %v47, %v46
  %v49 = zext i32 %v28 to i64
  %v50 = icmp ugt i64 %v48, %v49
  %v51 = load i64, ptr %v15, align 8
  %v52 = insertelement <2 x i64> poison, i64 %v51, i64 0
  %v53 = shufflevector <2 x i64> %v52, <2 x i64> poison, <2 x i32> zeroinitializer
  %v54 = select i1 %v50, i64 %v51, i64 %v44
  %v55 = select i1 %v50, i64 %v51, i64 %v43
  %v56 = select i1 %v50, <2 x i64> %v53, <2 x i64> %v42
  store <2 x i64> %v56, ptr %v12, align 8
  store i64 %v55, ptr %v13, align 8
  store i64 %v54, ptr %v14, align 8
  %v57 = load i64, ptr %v16, align 8
  store i64 %v57, ptr %v17, align 8
  store i64 0, ptr %v18, align 8
  tail call void @llvm.memset.p0.i64(ptr noundef nonnull align 8 dereferenceable(16) %v19, i8 -1, i64 16, i1 false)
  store i64 %v41, ptr %v20, align 8
  %v58 = load ptr, ptr %v21, align 8
  call void @llvm.lifetime.start.p0(ptr nonnull %v2)
  call void @step(ptr noalias noundef nonnull sret([56 x i8]) align 8 captures(none) dereferenceable(56) %v2, ptr noundef nonnull align 8 %v1, i64 noundef %v32, i64 noundef 0, i64 noundef 0)
  %v59 = load i64, ptr %v2, align 8
  %v60 = load i64, ptr %v22, align 8
  %v61 = load i64, ptr %v23, align 8
  %v62 = load i64, ptr %v24, align 8
  %v63 = load i32, ptr %v25, align 8
  call void @llvm.lifetime.end.p0(ptr nonnull %v2)
  %v64 = add i64 %v62, -6
  %v65 = icmp ugt i64 %v62, 5
  %v66 = select i1 %v65, i64 %v64, i64 4
  switch i64 %v66, label %b3 [
  i64 0, label %b4
  i64 1, label %b24
  i64 2, label %b24
  i64 3, label %b24
  i64 4, label %b5
  ]
b3:
  unreachable
b4:
  %v67 = add nsw i64 %v49, -8
  %v68 = and i64 %v61, %v67
  %v69 = add i32 %v63, 15
  %v70 = and i32 %v69, -8
  %v71 = zext i32 %v70 to i64
  %v72 = zext i32 %v63 to i64
  br label %b6
b5:
  %v73 = icmp ne i64 %v62, 6
  %v74 = and i32 %v63, 255
  %v75 = icmp eq i32 %v74, 3
  %v76 = select i1 %v73, i1 true, i1 %v75
  tail call void @end_batch(ptr noalias noundef nonnull align 8 dereferenceable(480) %v1, i64 noundef %v59, i64 noundef %v60, i64 noundef 0)
  br i1 %v76, label %b28, label %b25
b6:
  %v77 = phi i64 [ %v68, %b4 ], [ %v78, %b12 ]
  %v79 = phi i32 [ %v63, %b4 ], [ %v80, %b12 ]
  %v81 = phi i64 [ %v60, %b4 ], [ %v82, %b12 ]
  %v83 = phi i64 [ 1, %b4 ], [ %v84, %b12 ]
  %v85 = phi i64 [ %v59, %b4 ], [ %v86, %b12 ]
  %v87 = getelementptr i8, ptr %v58, i64 %v77
  %v88 = getelementptr i8, ptr %v87, i64 8
  %v89 = zext i32 %v79 to i64
  %v90 = icmp ne ptr %v88, null
  tail call void @llvm.assume(i1 %v90)
  tail call void @on_sample(ptr noundef nonnull %v88, i64 noundef %v89)
  %v91 = icmp ult i64 %v81, %v71
  br i1 %v91, label %b9, label %b7
b7:
  %v92 = phi i64 [ %v93, %b8 ], [ %v85, %b6 ]
  %v94 = phi i64 [ %v95, %b8 ], [ %v83, %b6 ]
  %v96 = phi i64 [ %v97, %b8 ], [ %v81, %b6 ]
  %v98 = and i64 %v92, %v67
  %v99 = getelementptr i8, ptr %v58, i64 %v98
  %v100 = load atomic i32, ptr %v99 monotonic, align 4
  fence acquire
  %v101 = icmp eq i32 %v100, %v63
  br i1 %v101, label %b8, label %b9
b8:
  %v93 = add i64 %v92, %v71
  %v97 = sub i64 %v96, %v71
  %v95 = add i64 %v94, 1
  %v102 = getelementptr i8, ptr %v99, i64 8
  %v103 = icmp ne ptr %v102, null
  tail call void @llvm.assume(i1 %v103)
  tail call void @on_sample(ptr noundef nonnull %v102, i64 noundef %v72)
  %v104 = icmp ult i64 %v97, %v71
  br i1 %v104, label %b9, label %b7
b9:
  %v105 = phi i64 [ %v81, %b6 ], [ %v97, %b8 ], [ %v96, %b7 ]
  %v106 = phi i64 [ %v83, %b6 ], [ %v95, %b8 ], [ %v94, %b7 ]
  %v107 = phi i64 [ %v85, %b6 ], [ %v93, %b8 ], [ %v92, %b7 ]
  %v108 = icmp eq i64 %v105, 0
  br i1 %v108, label %b22, label %b10
b10:
  %v109 = sub i64 %v106, %v83
  %v110 = freeze i64 %v109
  %v111 = icmp ugt i64 %v110, 7
  br i1 %v111, label %b11, label %b16
b11:
  %v112 = phi i64 [ %v113, %b15 ], [ %v107, %b10 ]
  %v114 = phi i64 [ %v115, %b15 ], [ %v105, %b10 ]
  %v78 = and i64 %v112, %v67
  %v116 = getelementptr inbounds nuw i8, ptr %v58, i64 %v78
  %v80 = load atomic i32, ptr %v116 monotonic, align 4
  fence acquire
  %v117 = zext i32 %v80 to i64
  %v118 = add nuw nsw i64 %v117, 15
  %v119 = and i64 %v118, 8589934584
  %v120 = icmp ugt i64 %v119, %v114
  br i1 %v120, label %b13, label %b12
b12:
  %v86 = add i64 %v119, %v112
  %v82 = sub nuw i64 %v114, %v119
  %v84 = add i64 %v106, 1
  br label %b6
b13:
  %v121 = icmp sgt i32 %v80, -1
  br i1 %v121, label %b14, label %b22
b14:
  %v122 = and i32 %v80, 1073741823
  %v123 = add nuw nsw i32 %v122, 15
  %v124 = and i32 %v123, 2147483640
  %v125 = zext nneg i32 %v124 to i64
  %v126 = icmp samesign ult i64 %v114, %v125
  br i1 %v126, label %b22, label %b15
b15:
  %v127 = load i64, ptr %v18, align 8
  %v128 = add i64 %v127, 1
  store i64 %v128, ptr %v18, align 8
  %v113 = add i64 %v112, %v125
  %v115 = sub nuw nsw i64 %v114, %v125
  %v129 = icmp eq i64 %v115, 0
  br i1 %v129, label %b22, label %b11
b16:
  %v130 = phi i64 [ %v131, %b21 ], [ %v107, %b10 ]
  %v132 = phi i64 [ %v133, %b21 ], [ %v106, %b10 ]
  %v134 = phi i64 [ %v135, %b21 ], [ %v105, %b10 ]
  br label %b17
b17:
  %v136 = phi i64 [ %v130, %b16 ], [ %v137, %b20 ]
  %v138 = phi i64 [ %v134, %b16 ], [ %v139, %b20 ]
  %v140 = and i64 %v136, %v67
  %v141 = getelementptr i8, ptr %v58, i64 %v140
  %v142 = load atomic i32, ptr %v141 monotonic, align 4
  fence acquire
  %v143 = zext i32 %v142 to i64
  %v144 = add nuw nsw i64 %v143, 15
  %v145 = and i64 %v144, 8589934584
  %v146 = icmp ugt i64 %v145, %v138
  br i1 %v146, label %b18, label %b21
b18:
  %v147 = icmp sgt i32 %v142, -1
  br i1 %v147, label %b19, label %b22
b19:
  %v148 = and i32 %v142, 1073741823
  %v149 = add nuw nsw i32 %v148, 15
  %v150 = and i32 %v149, 2147483640
  %v151 = zext nneg i32 %v150 to i64
  %v152 = icmp samesign ult i64 %v138, %v151
  br i1 %v152, label %b22, label %b20
b20:
  %v153 = load i64, ptr %v18, align 8
  %v154 = add i64 %v153, 1
  store i64 %v154, ptr %v18, align 8
  %v137 = add i64 %v136, %v151
  %v139 = sub nuw nsw i64 %v138, %v151
  %v155 = icmp eq i64 %v139, 0
  br i1 %v155, label %b22, label %b17
b21:
  %v156 = getelementptr i8, ptr %v58, i64 %v140
  %v131 = add i64 %v145, %v136
  %v135 = sub nuw i64 %v138, %v145
  %v133 = add i64 %v132, 1
  %v157 = getelementptr i8, ptr %v156, i64 8
  %v158 = icmp ne ptr %v157, null
  tail call void @llvm.assume(i1 %v158)
  tail call void @on_sample(ptr noundef nonnull %v157, i64 noundef %v143)
  %v159 = icmp eq i64 %v135, 0
  br i1 %v159, label %b22, label %b16
b22:
  %v160 = phi i64 [ %v133, %b21 ], [ %v132, %b19 ], [ %v106, %b14 ], [ %v132, %b20 ], [ %v132, %b18 ], [ %v106, %b15 ], [ %v106, %b13 ], [ %v106, %b9 ]
  %v161 = phi i64 [ 0, %b21 ], [ %v138, %b19 ], [ 0, %b15 ], [ %v138, %b18 ], [ 0, %b20 ], [ %v114, %b13 ], [ %v114, %b14 ], [ 0, %b9 ]
  %v162 = phi i64 [ %v131, %b21 ], [ %v136, %b19 ], [ %v113, %b15 ], [ %v136, %b18 ], [ %v137, %b20 ], [ %v112, %b13 ], [ %v112, %b14 ], [ %v107, %b9 ]
  tail call void @end_batch(ptr noalias noundef nonnull align 8 dereferenceable(480) %v1, i64 noundef %v162, i64 noundef %v161, i64 noundef %v160)
  br label %b23
b23:
  %v37 = phi i64 [ %v36, %b22 ], [ %v163, %b27 ]
  %v35 = phi i1 [ %v34, %b22 ], [ true, %b27 ]
  %v33 = load i64, ptr %v5, align 8
  %v31 = load i8, ptr %v7, align 4
  %v164 = trunc nuw i8 %v31 to i1
  %v165 = select i1 %v164, i64 -1, i64 4294967295
  %v166 = sub i64 %v33, %v6
  %v167 = and i64 %v165, %v166
  %v29 = load i32, ptr %v8, align 8
  %v168 = zext i32 %v29 to i64
  %v169 = icmp ult i64 %v167, %v168
  br i1 %v169, label %b2, label %b28
b24:
  tail call void @end_batch(ptr noalias noundef nonnull align 8 dereferenceable(480) %v1, i64 noundef %v59, i64 noundef %v60, i64 noundef 0)
  br label %b25
b25:
  %v170 = load i64, ptr %v1, align 8
  %v171 = icmp eq i64 %v170, 0
  %v172 = load i64, ptr %v26, align 8
  %v173 = icmp eq i64 %v172, 3
  %v174 = select i1 %v171, i1 %v173, i1 false
  br i1 %v174, label %b26, label %b28
b26:
  %v163 = load i64, ptr %v5, align 8
  %v175 = icmp eq i64 %v36, %v163
  %v176 = select i1 %v34, i1 %v175, i1 false
  br i1 %v176, label %b28, label %b27
b27:
  %v177 = tail call noundef zeroext i1 @arm(ptr noalias noundef nonnull align 8 dereferenceable(480) %v1)
  br i1 %v177, label %b23, label %b28
b28:
  tail call void @give_back(ptr noalias noundef nonnull align 8 dereferenceable(480) %v1)
  %v178 = load i64, ptr %v3, align 8
  %v179 = sub i64 %v178, %v4
  ret i64 %v179
}
