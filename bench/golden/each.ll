; rustc 1.95.0 (59807616e 2026-04-14), LLVM 22.1.2, x86_64-unknown-linux-gnu
define noundef i64 @each_rust(ptr noalias noundef align 8 captures(none) dereferenceable(216) %v1) unnamed_addr personality ptr @rust_eh_personality {
b0:
  %v2 = alloca [56 x i8], align 8
  %v3 = getelementptr inbounds nuw i8, ptr %v1, i64 96
  %v4 = load i64, ptr %v3, align 8
  %v5 = getelementptr inbounds nuw i8, ptr %v1, i64 112
  %v6 = load i64, ptr %v5, align 8
  %v7 = getelementptr inbounds nuw i8, ptr %v1, i64 212
  %v8 = getelementptr inbounds nuw i8, ptr %v1, i64 208
  %v9 = load i32, ptr %v8, align 8
  %v10 = icmp eq i32 %v9, 0
  br i1 %v10, label %b22, label %b1
b1:
  %v11 = getelementptr inbounds nuw i8, ptr %v1, i64 120
  %v12 = getelementptr inbounds nuw i8, ptr %v1, i64 128
  %v13 = getelementptr inbounds nuw i8, ptr %v1, i64 168
  %v14 = getelementptr inbounds nuw i8, ptr %v1, i64 40
  %v15 = getelementptr inbounds nuw i8, ptr %v1, i64 64
  %v16 = getelementptr inbounds nuw i8, ptr %v1, i64 32
  %v17 = getelementptr inbounds nuw i8, ptr %v1, i64 72
  %v18 = getelementptr inbounds nuw i8, ptr %v1, i64 80
  %v19 = getelementptr inbounds nuw i8, ptr %v2, i64 8
  %v20 = getelementptr inbounds nuw i8, ptr %v2, i64 16
  %v21 = getelementptr inbounds nuw i8, ptr %v2, i64 24
  %v22 = getelementptr inbounds nuw i8, ptr %v2, i64 32
  %v23 = getelementptr inbounds nuw i8, ptr %v1, i64 200
  br label %b2
b2:
  %v24 = phi i32 [ %v9, %b1 ], [ %v25, %b20 ]
  %v26 = phi i64 [ %v6, %b1 ], [ %v27, %b20 ]
  %v28 = load i64, ptr %v11, align 8
  %v29 = load i64, ptr %v13, align 8
  tail call void @llvm.memcpy.p0.p0.i64(ptr noundef nonnull align 8 dereferenceable(24) %v14, ptr noundef nonnull align 8 dereferenceable(24) %v12, i64 24, i1 false)
  store i64 %v28, ptr %v15, align 8
  store i64 0, ptr %v17, align 8
  tail call void @llvm.memset.p0.i64(ptr noundef nonnull align 8 dereferenceable(16) %v18, i8 -1, i64 16, i1 false)
  %v30 = tail call i64 @llvm.umin.i64(i64 %v29, i64 65536)
  store i64 %v30, ptr %v16, align 8
  call void @llvm.lifetime.start.p0(ptr nonnull %v2)
  call void @step(ptr noalias noundef nonnull sret([56 x i8]) align 8 captures(none) dereferenceable(56) %v2, ptr noundef nonnull align 8 dereferenceable(216) %v1, i64 noundef %v26, i64 noundef 0, i64 noundef 0)
  %v31 = load i64, ptr %v2, align 8
  %v32 = load i64, ptr %v19, align 8
  %v33 = load i64, ptr %v20, align 8
  %v34 = load i64, ptr %v21, align 8
  %v35 = load i64, ptr %v22, align 8
  %v36 = trunc i64 %v35 to i32
  call void @llvm.lifetime.end.p0(ptr nonnull %v2)
  %v37 = icmp eq i64 %v34, 4
  br i1 %v37, label %b3, label %b21
b3:
  %v38 = zext i32 %v24 to i64
  %v39 = add nsw i64 %v38, -8
  %v40 = and i64 %v33, %v39
  %v41 = load ptr, ptr %v23, align 8
  %v42 = getelementptr i8, ptr %v41, i64 %v40
  %v43 = and i64 %v35, 4294967295
  %v44 = add i64 %v35, 15
  %v45 = and i64 %v44, 4294967288
  br label %b4
b4:
  %v46 = phi ptr [ %v41, %b3 ], [ %v47, %b10 ]
  %v48 = phi i64 [ %v32, %b3 ], [ %v49, %b10 ]
  %v50 = phi i64 [ 1, %b3 ], [ %v51, %b10 ]
  %v52 = phi i64 [ %v31, %b3 ], [ %v53, %b10 ]
  %v54 = phi i64 [ %v43, %b3 ], [ %v55, %b10 ]
  %v56 = phi ptr [ %v42, %b3 ], [ %v57, %b10 ]
  %v58 = getelementptr i8, ptr %v56, i64 8
  %v59 = icmp ne ptr %v58, null
  tail call void @llvm.assume(i1 %v59)
  tail call void @on_sample(ptr noundef nonnull %v58, i64 noundef %v54)
  %v60 = icmp ult i64 %v48, %v45
  br i1 %v60, label %b7, label %b5
b5:
  %v61 = phi ptr [ %v62, %b6 ], [ %v46, %b4 ]
  %v63 = phi i64 [ %v64, %b6 ], [ %v48, %b4 ]
  %v65 = phi i64 [ %v66, %b6 ], [ %v50, %b4 ]
  %v67 = phi i64 [ %v68, %b6 ], [ %v52, %b4 ]
  %v69 = and i64 %v67, %v39
  %v70 = getelementptr inbounds nuw i8, ptr %v61, i64 %v69
  %v71 = load atomic i32, ptr %v70 monotonic, align 4
  fence acquire
  %v72 = icmp eq i32 %v71, %v36
  br i1 %v72, label %b6, label %b7
b6:
  %v68 = add i64 %v67, %v45
  %v64 = sub i64 %v63, %v45
  %v66 = add i64 %v65, 1
  %v62 = load ptr, ptr %v23, align 8
  %v73 = getelementptr i8, ptr %v62, i64 %v69
  %v74 = getelementptr i8, ptr %v73, i64 8
  %v75 = icmp ne ptr %v74, null
  tail call void @llvm.assume(i1 %v75)
  tail call void @on_sample(ptr noundef nonnull %v74, i64 noundef %v43)
  %v76 = icmp ult i64 %v64, %v45
  br i1 %v76, label %b7, label %b5
b7:
  %v77 = phi i64 [ %v50, %b4 ], [ %v66, %b6 ], [ %v65, %b5 ]
  %v78 = phi i64 [ %v52, %b4 ], [ %v68, %b6 ], [ %v67, %b5 ]
  %v79 = phi i64 [ %v48, %b4 ], [ %v64, %b6 ], [ %v63, %b5 ]
  %v80 = icmp eq i64 %v79, 0
  br i1 %v80, label %b20, label %b8
b8:
  %v81 = sub i64 %v77, %v50
  %v82 = icmp ugt i64 %v81, 7
  br i1 %v82, label %b9, label %b14
b9:
  %v83 = phi i64 [ %v84, %b13 ], [ %v78, %b8 ]
  %v85 = phi i64 [ %v86, %b13 ], [ %v79, %b8 ]
  %v87 = and i64 %v83, %v39
  %v88 = load ptr, ptr %v23, align 8
  %v89 = getelementptr inbounds nuw i8, ptr %v88, i64 %v87
  %v90 = load atomic i32, ptr %v89 monotonic, align 4
  fence acquire
  %v55 = zext i32 %v90 to i64
  %v91 = add nuw nsw i64 %v55, 15
  %v92 = and i64 %v91, 8589934584
  %v93 = icmp ugt i64 %v92, %v85
  br i1 %v93, label %b11, label %b10
b10:
  %v53 = add i64 %v92, %v83
  %v49 = sub nuw i64 %v85, %v92
  %v51 = add i64 %v77, 1
  %v47 = load ptr, ptr %v23, align 8
  %v57 = getelementptr i8, ptr %v47, i64 %v87
  br label %b4
b11:
  %v94 = icmp sgt i32 %v90, -1
  br i1 %v94, label %b12, label %b20
b12:
  %v95 = and i32 %v90, 1073741823
  %v96 = add nuw nsw i32 %v95, 15
  %v97 = and i32 %v96, 2147483640
  %v98 = zext nneg i32 %v97 to i64
  %v99 = icmp samesign ult i64 %v85, %v98
  br i1 %v99, label %b20, label %b13
b13:
  %v100 = load i64, ptr %v17, align 8
  %v101 = add i64 %v100, 1
  store i64 %v101, ptr %v17, align 8
  %v84 = add i64 %v83, %v98
  %v86 = sub nuw nsw i64 %v85, %v98
  %v102 = icmp eq i64 %v86, 0
  br i1 %v102, label %b20, label %b9
b14:
  %v103 = phi i64 [ %v104, %b19 ], [ %v77, %b8 ]
  %v105 = phi i64 [ %v106, %b19 ], [ %v79, %b8 ]
  %v107 = phi i64 [ %v108, %b19 ], [ %v78, %b8 ]
  br label %b15
b15:
  %v109 = phi i64 [ %v107, %b14 ], [ %v110, %b18 ]
  %v111 = phi i64 [ %v105, %b14 ], [ %v112, %b18 ]
  %v113 = and i64 %v109, %v39
  %v114 = load ptr, ptr %v23, align 8
  %v115 = getelementptr inbounds nuw i8, ptr %v114, i64 %v113
  %v116 = load atomic i32, ptr %v115 monotonic, align 4
  fence acquire
  %v117 = zext i32 %v116 to i64
  %v118 = add nuw nsw i64 %v117, 15
  %v119 = and i64 %v118, 8589934584
  %v120 = icmp ugt i64 %v119, %v111
  br i1 %v120, label %b16, label %b19
b16:
  %v121 = icmp sgt i32 %v116, -1
  br i1 %v121, label %b17, label %b20
b17:
  %v122 = and i32 %v116, 1073741823
  %v123 = add nuw nsw i32 %v122, 15
  %v124 = and i32 %v123, 2147483640
  %v125 = zext nneg i32 %v124 to i64
  %v126 = icmp samesign ult i64 %v111, %v125
  br i1 %v126, label %b20, label %b18
b18:
  %v127 = load i64, ptr %v17, align 8
  %v128 = add i64 %v127, 1
  store i64 %v128, ptr %v17, align 8
  %v110 = add i64 %v109, %v125
  %v112 = sub nuw nsw i64 %v111, %v125
  %v129 = icmp eq i64 %v112, 0
  br i1 %v129, label %b20, label %b15
b19:
  %v108 = add i64 %v119, %v109
  %v106 = sub nuw i64 %v111, %v119
  %v104 = add i64 %v103, 1
  %v130 = load ptr, ptr %v23, align 8
  %v131 = getelementptr i8, ptr %v130, i64 %v113
  %v132 = getelementptr i8, ptr %v131, i64 8
  %v133 = icmp ne ptr %v132, null
  tail call void @llvm.assume(i1 %v133)
  tail call void @on_sample(ptr noundef nonnull %v132, i64 noundef %v117)
  %v134 = icmp eq i64 %v106, 0
  br i1 %v134, label %b20, label %b14
b20:
  %v135 = phi i64 [ %v104, %b19 ], [ %v103, %b18 ], [ %v77, %b13 ], [ %v103, %b16 ], [ %v103, %b17 ], [ %v77, %b11 ], [ %v77, %b12 ], [ %v77, %b7 ]
  %v136 = phi i64 [ %v108, %b19 ], [ %v110, %b18 ], [ %v83, %b11 ], [ %v109, %b17 ], [ %v109, %b16 ], [ %v83, %b12 ], [ %v84, %b13 ], [ %v78, %b7 ]
  %v137 = phi i64 [ 0, %b19 ], [ 0, %b18 ], [ %v85, %b11 ], [ %v111, %b17 ], [ %v111, %b16 ], [ %v85, %b12 ], [ 0, %b13 ], [ 0, %b7 ]
  tail call void @end_batch(ptr noalias noundef nonnull align 8 dereferenceable(216) %v1, i64 noundef %v136, i64 noundef %v137, i64 noundef %v135)
  %v27 = load i64, ptr %v5, align 8
  %v138 = load i8, ptr %v7, align 4
  %v139 = trunc nuw i8 %v138 to i1
  %v140 = sub i64 %v27, %v6
  %v141 = select i1 %v139, i64 -1, i64 4294967295
  %v25 = load i32, ptr %v8, align 8
  %v142 = and i64 %v141, %v140
  %v143 = zext i32 %v25 to i64
  %v144 = icmp ult i64 %v142, %v143
  br i1 %v144, label %b2, label %b22
b21:
  tail call void @end_batch(ptr noalias noundef nonnull align 8 dereferenceable(216) %v1, i64 noundef %v31, i64 noundef %v32, i64 noundef 0)
  br label %b22
b22:
  %v145 = load i64, ptr %v3, align 8
  %v146 = sub i64 %v145, %v4
  ret i64 %v146
}
