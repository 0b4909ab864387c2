; rustc 1.95.0 (59807616e 2026-04-14), LLVM 22.1.2, x86_64-unknown-linux-gnu
define noundef i64 @each_rust(ptr noalias noundef align 8 captures(none) dereferenceable(232) %v1) unnamed_addr personality ptr @rust_eh_personality {
b0:
  %v2 = alloca [56 x i8], align 8
  %v3 = getelementptr inbounds nuw i8, ptr %v1, i64 32
  %v4 = load i64, ptr %v3, align 8
  %v5 = getelementptr inbounds nuw i8, ptr %v1, i64 48
  %v6 = load i64, ptr %v5, align 8
  %v7 = getelementptr inbounds nuw i8, ptr %v1, i64 228
  %v8 = getelementptr inbounds nuw i8, ptr %v1, i64 224
  %v9 = load i32, ptr %v8, align 8
  %v10 = icmp eq i32 %v9, 0
  br i1 %v10, label %b22, label %b1
b1:
  %v11 = getelementptr inbounds nuw i8, ptr %v1, i64 56
  %v12 = getelementptr inbounds nuw i8, ptr %v1, i64 184
  %v13 = getelementptr inbounds nuw i8, ptr %v1, i64 64
  %v14 = getelementptr inbounds nuw i8, ptr %v1, i64 136
  %v15 = getelementptr inbounds nuw i8, ptr %v1, i64 128
  %v16 = getelementptr inbounds nuw i8, ptr %v1, i64 144
  %v17 = getelementptr inbounds nuw i8, ptr %v1, i64 152
  %v18 = getelementptr inbounds nuw i8, ptr %v2, i64 8
  %v19 = getelementptr inbounds nuw i8, ptr %v2, i64 16
  %v20 = getelementptr inbounds nuw i8, ptr %v2, i64 24
  %v21 = getelementptr inbounds nuw i8, ptr %v2, i64 32
  %v22 = getelementptr inbounds nuw i8, ptr %v1, i64 216
  br label %b2
b2:
  %v23 = phi i32 [ %v9, %b1 ], [ %v24, %b20 ]
  %v25 = phi i64 [ %v6, %b1 ], [ %v26, %b20 ]
  %v27 = load i64, ptr %v11, align 8
  %v28 = load i64, ptr %v12, align 8
  tail call void @llvm.memcpy.p0.p0.i64(ptr noundef nonnull align 8 dereferenceable(32) %v13, ptr noundef nonnull align 8 dereferenceable(232) %v1, i64 32, i1 false)
  store i64 %v27, ptr %v14, align 8
  store i64 0, ptr %v16, align 8
  tail call void @llvm.memset.p0.i64(ptr noundef nonnull align 8 dereferenceable(16) %v17, i8 -1, i64 16, i1 false)
  %v29 = tail call i64 @llvm.umin.i64(i64 %v28, i64 65536)
  store i64 %v29, ptr %v15, align 8
  call void @llvm.lifetime.start.p0(ptr nonnull %v2)
  call void @step(ptr noalias noundef nonnull sret([56 x i8]) align 8 captures(none) dereferenceable(56) %v2, ptr noundef nonnull align 8 %v1, i64 noundef %v25, i64 noundef 0, i64 noundef 0)
  %v30 = load i64, ptr %v2, align 8
  %v31 = load i64, ptr %v18, align 8
  %v32 = load i64, ptr %v19, align 8
  %v33 = load i64, ptr %v20, align 8
  %v34 = load i32, ptr %v21, align 8
  call void @llvm.lifetime.end.p0(ptr nonnull %v2)
  %v35 = icmp eq i64 %v33, 4
  br i1 %v35, label %b3, label %b21
b3:
  %v36 = zext i32 %v23 to i64
  %v37 = add nsw i64 %v36, -8
  %v38 = and i64 %v32, %v37
  %v39 = load ptr, ptr %v22, align 8
  %v40 = getelementptr i8, ptr %v39, i64 %v38
  %v41 = add i32 %v34, 15
  %v42 = and i32 %v41, -8
  %v43 = zext i32 %v42 to i64
  %v44 = zext i32 %v34 to i64
  br label %b4
b4:
  %v45 = phi ptr [ %v39, %b3 ], [ %v46, %b10 ]
  %v47 = phi ptr [ %v40, %b3 ], [ %v48, %b10 ]
  %v49 = phi i32 [ %v34, %b3 ], [ %v50, %b10 ]
  %v51 = phi i64 [ %v31, %b3 ], [ %v52, %b10 ]
  %v53 = phi i64 [ 1, %b3 ], [ %v54, %b10 ]
  %v55 = phi i64 [ %v30, %b3 ], [ %v56, %b10 ]
  %v57 = zext i32 %v49 to i64
  %v58 = getelementptr i8, ptr %v47, i64 8
  %v59 = icmp ne ptr %v58, null
  tail call void @llvm.assume(i1 %v59)
  tail call void @on_sample(ptr noundef nonnull %v58, i64 noundef %v57)
  %v60 = icmp ult i64 %v51, %v43
  br i1 %v60, label %b7, label %b5
b5:
  %v61 = phi ptr [ %v62, %b6 ], [ %v45, %b4 ]
  %v63 = phi i64 [ %v64, %b6 ], [ %v55, %b4 ]
  %v65 = phi i64 [ %v66, %b6 ], [ %v53, %b4 ]
  %v67 = phi i64 [ %v68, %b6 ], [ %v51, %b4 ]
  %v69 = and i64 %v63, %v37
  %v70 = getelementptr inbounds nuw i8, ptr %v61, i64 %v69
  %v71 = load atomic i32, ptr %v70 monotonic, align 4
  fence acquire
  %v72 = icmp eq i32 %v71, %v34
  br i1 %v72, label %b6, label %b7
b6:
  %v64 = add i64 %v63, %v43
  %v68 = sub i64 %v67, %v43
  %v66 = add i64 %v65, 1
  %v62 = load ptr, ptr %v22, align 8
  %v73 = getelementptr i8, ptr %v62, i64 %v69
  %v74 = getelementptr i8, ptr %v73, i64 8
  %v75 = icmp ne ptr %v74, null
  tail call void @llvm.assume(i1 %v75)
  tail call void @on_sample(ptr noundef nonnull %v74, i64 noundef %v44)
  %v76 = icmp ult i64 %v68, %v43
  br i1 %v76, label %b7, label %b5
b7:
  %v77 = phi i64 [ %v51, %b4 ], [ %v68, %b6 ], [ %v67, %b5 ]
  %v78 = phi i64 [ %v53, %b4 ], [ %v66, %b6 ], [ %v65, %b5 ]
  %v79 = phi i64 [ %v55, %b4 ], [ %v64, %b6 ], [ %v63, %b5 ]
  %v80 = icmp eq i64 %v77, 0
  br i1 %v80, label %b20, label %b8
b8:
  %v81 = sub i64 %v78, %v53
  %v82 = freeze i64 %v81
  %v83 = icmp ugt i64 %v82, 7
  br i1 %v83, label %b9, label %b14
b9:
  %v84 = phi i64 [ %v85, %b13 ], [ %v79, %b8 ]
  %v86 = phi i64 [ %v87, %b13 ], [ %v77, %b8 ]
  %v88 = and i64 %v84, %v37
  %v89 = load ptr, ptr %v22, align 8
  %v90 = getelementptr inbounds nuw i8, ptr %v89, i64 %v88
  %v50 = load atomic i32, ptr %v90 monotonic, align 4
  fence acquire
  %v91 = zext i32 %v50 to i64
  %v92 = add nuw nsw i64 %v91, 15
  %v93 = and i64 %v92, 8589934584
  %v94 = icmp ugt i64 %v93, %v86
  br i1 %v94, label %b11, label %b10
b10:
  %v56 = add i64 %v93, %v84
  %v52 = sub nuw i64 %v86, %v93
  %v54 = add i64 %v78, 1
  %v46 = load ptr, ptr %v22, align 8
  %v48 = getelementptr i8, ptr %v46, i64 %v88
  br label %b4
b11:
  %v95 = icmp sgt i32 %v50, -1
  br i1 %v95, label %b12, label %b20
b12:
  %v96 = and i32 %v50, 1073741823
  %v97 = add nuw nsw i32 %v96, 15
  %v98 = and i32 %v97, 2147483640
  %v99 = zext nneg i32 %v98 to i64
  %v100 = icmp samesign ult i64 %v86, %v99
  br i1 %v100, label %b20, label %b13
b13:
  %v101 = load i64, ptr %v16, align 8
  %v102 = add i64 %v101, 1
  store i64 %v102, ptr %v16, align 8
  %v85 = add i64 %v84, %v99
  %v87 = sub nuw nsw i64 %v86, %v99
  %v103 = icmp eq i64 %v87, 0
  br i1 %v103, label %b20, label %b9
b14:
  %v104 = phi i64 [ %v105, %b19 ], [ %v79, %b8 ]
  %v106 = phi i64 [ %v107, %b19 ], [ %v78, %b8 ]
  %v108 = phi i64 [ %v109, %b19 ], [ %v77, %b8 ]
  br label %b15
b15:
  %v110 = phi i64 [ %v104, %b14 ], [ %v111, %b18 ]
  %v112 = phi i64 [ %v108, %b14 ], [ %v113, %b18 ]
  %v114 = and i64 %v110, %v37
  %v115 = load ptr, ptr %v22, align 8
  %v116 = getelementptr inbounds nuw i8, ptr %v115, i64 %v114
  %v117 = load atomic i32, ptr %v116 monotonic, align 4
  fence acquire
  %v118 = zext i32 %v117 to i64
  %v119 = add nuw nsw i64 %v118, 15
  %v120 = and i64 %v119, 8589934584
  %v121 = icmp ugt i64 %v120, %v112
  br i1 %v121, label %b16, label %b19
b16:
  %v122 = icmp sgt i32 %v117, -1
  br i1 %v122, label %b17, label %b20
b17:
  %v123 = and i32 %v117, 1073741823
  %v124 = add nuw nsw i32 %v123, 15
  %v125 = and i32 %v124, 2147483640
  %v126 = zext nneg i32 %v125 to i64
  %v127 = icmp samesign ult i64 %v112, %v126
  br i1 %v127, label %b20, label %b18
b18:
  %v128 = load i64, ptr %v16, align 8
  %v129 = add i64 %v128, 1
  store i64 %v129, ptr %v16, align 8
  %v111 = add i64 %v110, %v126
  %v113 = sub nuw nsw i64 %v112, %v126
  %v130 = icmp eq i64 %v113, 0
  br i1 %v130, label %b20, label %b15
b19:
  %v105 = add i64 %v120, %v110
  %v109 = sub nuw i64 %v112, %v120
  %v107 = add i64 %v106, 1
  %v131 = load ptr, ptr %v22, align 8
  %v132 = getelementptr i8, ptr %v131, i64 %v114
  %v133 = getelementptr i8, ptr %v132, i64 8
  %v134 = icmp ne ptr %v133, null
  tail call void @llvm.assume(i1 %v134)
  tail call void @on_sample(ptr noundef nonnull %v133, i64 noundef %v118)
  %v135 = icmp eq i64 %v109, 0
  br i1 %v135, label %b20, label %b14
b20:
  %v136 = phi i64 [ %v107, %b19 ], [ %v106, %b16 ], [ %v78, %b13 ], [ %v106, %b18 ], [ %v106, %b17 ], [ %v78, %b11 ], [ %v78, %b12 ], [ %v78, %b7 ]
  %v137 = phi i64 [ %v105, %b19 ], [ %v110, %b16 ], [ %v84, %b11 ], [ %v110, %b17 ], [ %v111, %b18 ], [ %v84, %b12 ], [ %v85, %b13 ], [ %v79, %b7 ]
  %v138 = phi i64 [ 0, %b19 ], [ %v112, %b16 ], [ %v86, %b11 ], [ %v112, %b17 ], [ 0, %b18 ], [ %v86, %b12 ], [ 0, %b13 ], [ 0, %b7 ]
  tail call void @end_batch(ptr noalias noundef nonnull align 8 dereferenceable(232) %v1, i64 noundef %v137, i64 noundef %v138, i64 noundef %v136)
  %v26 = load i64, ptr %v5, align 8
  %v139 = load i8, ptr %v7, align 4
  %v140 = trunc nuw i8 %v139 to i1
  %v141 = sub i64 %v26, %v6
  %v142 = select i1 %v140, i64 -1, i64 4294967295
  %v24 = load i32, ptr %v8, align 8
  %v143 = and i64 %v142, %v141
  %v144 = zext i32 %v24 to i64
  %v145 = icmp ult i64 %v143, %v144
  br i1 %v145, label %b2, label %b22
b21:
  tail call void @end_batch(ptr noalias noundef nonnull align 8 dereferenceable(232) %v1, i64 noundef %v30, i64 noundef %v31, i64 noundef 0)
  br label %b22
b22:
  %v146 = load i64, ptr %v3, align 8
  %v147 = sub i64 %v146, %v4
  ret i64 %v147
}
