; rustc 1.95.0 (59807616e 2026-04-14), LLVM 22.1.2, x86_64-unknown-linux-gnu
define noundef i64 @each_rust(ptr noalias noundef align 8 captures(none) dereferenceable(536) %v1) unnamed_addr personality ptr @rust_eh_personality {
b0:
  %v2 = alloca [56 x i8], align 8
  %v3 = getelementptr inbounds nuw i8, ptr %v1, i64 376
  %v4 = load i64, ptr %v3, align 8
  %v5 = getelementptr inbounds nuw i8, ptr %v1, i64 360
  %v6 = load i64, ptr %v5, align 8
  %v7 = getelementptr inbounds nuw i8, ptr %v1, i64 356
  %v8 = getelementptr inbounds nuw i8, ptr %v1, i64 352
  %v9 = load i32, ptr %v8, align 8
  %v10 = icmp eq i32 %v9, 0
  br i1 %v10, label %b28, label %b1
b1:
  %v11 = getelementptr inbounds nuw i8, ptr %v1, i64 8
  %v12 = getelementptr inbounds nuw i8, ptr %v1, i64 392
  %v13 = getelementptr inbounds nuw i8, ptr %v1, i64 408
  %v14 = getelementptr inbounds nuw i8, ptr %v1, i64 416
  %v15 = getelementptr inbounds nuw i8, ptr %v1, i64 496
  %v16 = getelementptr inbounds nuw i8, ptr %v1, i64 368
  %v17 = getelementptr inbounds nuw i8, ptr %v1, i64 456
  %v18 = getelementptr inbounds nuw i8, ptr %v1, i64 464
  %v19 = getelementptr inbounds nuw i8, ptr %v1, i64 472
  %v20 = getelementptr inbounds nuw i8, ptr %v1, i64 488
  %v21 = getelementptr inbounds nuw i8, ptr %v1, i64 344
  %v22 = getelementptr inbounds nuw i8, ptr %v2, i64 8
  %v23 = getelementptr inbounds nuw i8, ptr %v2, i64 16
  %v24 = getelementptr inbounds nuw i8, ptr %v2, i64 24
  %v25 = getelementptr inbounds nuw i8, ptr %v2, i64 32
  %v26 = getelementptr inbounds nuw i8, ptr %v1, i64 56
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
  %v64 = add i64 %v62, -7
  %v65 = icmp ugt i64 %v62, 6
  %v66 = select i1 %v65, i64 %v64, i64 4
  switch i64 %v66, label %b3 [
  i64 0, label %b4
  i64 1, label %b24
  i64 2, label %b24
  i64 3, label %b6
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
  br label %b7
b5:
  %v73 = icmp ne i64 %v62, 7
  %v74 = and i32 %v63, 255
  %v75 = icmp eq i32 %v74, 3
  %v76 = select i1 %v73, i1 true, i1 %v75
  tail call void @end_batch(ptr noalias noundef nonnull align 8 dereferenceable(536) %v1, i64 noundef %v59, i64 noundef %v60, i64 noundef 0)
  br i1 %v76, label %b28, label %b25
b6:
  %v77 = phi i64 [ %v60, %b2 ], [ 0, %b22 ], [ %v78, %b19 ], [ %v79, %b15 ], [ %v78, %b20 ], [ 0, %b21 ], [ %v79, %b14 ], [ 0, %b16 ], [ 0, %b10 ]
  %v80 = phi i64 [ 0, %b2 ], [ %v81, %b22 ], [ %v82, %b20 ], [ %v83, %b16 ], [ %v82, %b21 ], [ %v82, %b19 ], [ %v83, %b14 ], [ %v83, %b15 ], [ %v83, %b10 ]
  %v84 = phi i64 [ %v59, %b2 ], [ %v85, %b22 ], [ %v86, %b19 ], [ %v87, %b15 ], [ %v86, %b20 ], [ %v88, %b21 ], [ %v87, %b14 ], [ %v89, %b16 ], [ %v90, %b10 ]
  tail call void @end_batch(ptr noalias noundef nonnull align 8 dereferenceable(536) %v1, i64 noundef %v84, i64 noundef %v77, i64 noundef %v80)
  br label %b23
b7:
  %v91 = phi i64 [ %v68, %b4 ], [ %v92, %b13 ]
  %v93 = phi i32 [ %v63, %b4 ], [ %v94, %b13 ]
  %v95 = phi i64 [ %v60, %b4 ], [ %v96, %b13 ]
  %v97 = phi i64 [ 1, %b4 ], [ %v98, %b13 ]
  %v99 = phi i64 [ %v59, %b4 ], [ %v100, %b13 ]
  %v101 = getelementptr i8, ptr %v58, i64 %v91
  %v102 = getelementptr i8, ptr %v101, i64 8
  %v103 = zext i32 %v93 to i64
  %v104 = icmp ne ptr %v102, null
  tail call void @llvm.assume(i1 %v104)
  tail call void @on_sample(ptr noundef nonnull %v102, i64 noundef %v103)
  %v105 = icmp ult i64 %v95, %v71
  br i1 %v105, label %b10, label %b8
b8:
  %v106 = phi i64 [ %v107, %b9 ], [ %v99, %b7 ]
  %v108 = phi i64 [ %v109, %b9 ], [ %v97, %b7 ]
  %v110 = phi i64 [ %v111, %b9 ], [ %v95, %b7 ]
  %v112 = and i64 %v106, %v67
  %v113 = getelementptr i8, ptr %v58, i64 %v112
  %v114 = load atomic i32, ptr %v113 monotonic, align 4
  fence acquire
  %v115 = icmp eq i32 %v114, %v63
  br i1 %v115, label %b9, label %b10
b9:
  %v107 = add i64 %v106, %v71
  %v111 = sub i64 %v110, %v71
  %v109 = add i64 %v108, 1
  %v116 = getelementptr i8, ptr %v113, i64 8
  %v117 = icmp ne ptr %v116, null
  tail call void @llvm.assume(i1 %v117)
  tail call void @on_sample(ptr noundef nonnull %v116, i64 noundef %v72)
  %v118 = icmp ult i64 %v111, %v71
  br i1 %v118, label %b10, label %b8
b10:
  %v119 = phi i64 [ %v95, %b7 ], [ %v111, %b9 ], [ %v110, %b8 ]
  %v83 = phi i64 [ %v97, %b7 ], [ %v109, %b9 ], [ %v108, %b8 ]
  %v90 = phi i64 [ %v99, %b7 ], [ %v107, %b9 ], [ %v106, %b8 ]
  %v120 = icmp eq i64 %v119, 0
  br i1 %v120, label %b6, label %b11
b11:
  %v121 = sub i64 %v83, %v97
  %v122 = freeze i64 %v121
  %v123 = icmp ugt i64 %v122, 7
  br i1 %v123, label %b12, label %b17
b12:
  %v87 = phi i64 [ %v89, %b16 ], [ %v90, %b11 ]
  %v79 = phi i64 [ %v124, %b16 ], [ %v119, %b11 ]
  %v92 = and i64 %v87, %v67
  %v125 = getelementptr inbounds nuw i8, ptr %v58, i64 %v92
  %v94 = load atomic i32, ptr %v125 monotonic, align 4
  fence acquire
  %v126 = zext i32 %v94 to i64
  %v127 = add nuw nsw i64 %v126, 15
  %v128 = and i64 %v127, 8589934584
  %v129 = icmp ugt i64 %v128, %v79
  br i1 %v129, label %b14, label %b13
b13:
  %v100 = add i64 %v128, %v87
  %v96 = sub nuw i64 %v79, %v128
  %v98 = add i64 %v83, 1
  br label %b7
b14:
  %v130 = icmp sgt i32 %v94, -1
  br i1 %v130, label %b15, label %b6
b15:
  %v131 = and i32 %v94, 1073741823
  %v132 = add nuw nsw i32 %v131, 15
  %v133 = and i32 %v132, 2147483640
  %v134 = zext nneg i32 %v133 to i64
  %v135 = icmp samesign ult i64 %v79, %v134
  br i1 %v135, label %b6, label %b16
b16:
  %v136 = load i64, ptr %v18, align 8
  %v137 = add i64 %v136, 1
  store i64 %v137, ptr %v18, align 8
  %v89 = add i64 %v87, %v134
  %v124 = sub nuw nsw i64 %v79, %v134
  %v138 = icmp eq i64 %v124, 0
  br i1 %v138, label %b6, label %b12
b17:
  %v139 = phi i64 [ %v85, %b22 ], [ %v90, %b11 ]
  %v82 = phi i64 [ %v81, %b22 ], [ %v83, %b11 ]
  %v140 = phi i64 [ %v141, %b22 ], [ %v119, %b11 ]
  br label %b18
b18:
  %v86 = phi i64 [ %v139, %b17 ], [ %v88, %b21 ]
  %v78 = phi i64 [ %v140, %b17 ], [ %v142, %b21 ]
  %v143 = and i64 %v86, %v67
  %v144 = getelementptr i8, ptr %v58, i64 %v143
  %v145 = load atomic i32, ptr %v144 monotonic, align 4
  fence acquire
  %v146 = zext i32 %v145 to i64
  %v147 = add nuw nsw i64 %v146, 15
  %v148 = and i64 %v147, 8589934584
  %v149 = icmp ugt i64 %v148, %v78
  br i1 %v149, label %b19, label %b22
b19:
  %v150 = icmp sgt i32 %v145, -1
  br i1 %v150, label %b20, label %b6
b20:
  %v151 = and i32 %v145, 1073741823
  %v152 = add nuw nsw i32 %v151, 15
  %v153 = and i32 %v152, 2147483640
  %v154 = zext nneg i32 %v153 to i64
  %v155 = icmp samesign ult i64 %v78, %v154
  br i1 %v155, label %b6, label %b21
b21:
  %v156 = load i64, ptr %v18, align 8
  %v157 = add i64 %v156, 1
  store i64 %v157, ptr %v18, align 8
  %v88 = add i64 %v86, %v154
  %v142 = sub nuw nsw i64 %v78, %v154
  %v158 = icmp eq i64 %v142, 0
  br i1 %v158, label %b6, label %b18
b22:
  %v159 = getelementptr i8, ptr %v58, i64 %v143
  %v85 = add i64 %v148, %v86
  %v141 = sub nuw i64 %v78, %v148
  %v81 = add i64 %v82, 1
  %v160 = getelementptr i8, ptr %v159, i64 8
  %v161 = icmp ne ptr %v160, null
  tail call void @llvm.assume(i1 %v161)
  tail call void @on_sample(ptr noundef nonnull %v160, i64 noundef %v146)
  %v162 = icmp eq i64 %v141, 0
  br i1 %v162, label %b6, label %b17
b23:
  %v37 = phi i64 [ %v36, %b6 ], [ %v163, %b27 ]
  %v35 = phi i1 [ %v34, %b6 ], [ true, %b27 ]
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
  tail call void @end_batch(ptr noalias noundef nonnull align 8 dereferenceable(536) %v1, i64 noundef %v59, i64 noundef %v60, i64 noundef 0)
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
  %v177 = tail call noundef zeroext i1 @arm(ptr noalias noundef nonnull align 8 dereferenceable(536) %v1)
  br i1 %v177, label %b23, label %b28
b28:
  tail call void @give_back(ptr noalias noundef nonnull align 8 dereferenceable(536) %v1)
  %v178 = load i64, ptr %v3, align 8
  %v179 = sub i64 %v178, %v4
  ret i64 %v179
}
